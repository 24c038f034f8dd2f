"""Evaluate a version by prefixes of its weights, and prove each answer that they suffice for."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelhub.data import Fit
from modelhub.dlv.calibrate_ladder import INPUTS_MIN, Measured, calibrate, calibration_for, keep
from modelhub.dlv.evaluate_bounds import Bounds, NoBoundsError
from modelhub.dlv.evaluate_climb import Climb, Rules
from modelhub.dlv.evaluate_job import Job
from modelhub.dlv.evaluate_options import CERTIFY, STATUSES, Evaluation
from modelhub.dlv.prefixes import Prefixes
from modelhub.progressive.break_even import Speeds, climbing_seconds, exact_seconds
from modelhub.progressive.guards import guard_of
from modelhub.progressive.ladder import default
from modelhub.progressive.search import Rung
from modelhub.report import human

# What bounds cost over a forward pass in float64, where that was not measured.
_BOUND_COST = 4.0
# Bytes of a second over a link of which nothing is known: few are slower.
_SLOW_RATE = 1e6
_FASTER = (
    "all weights are read for the rest: that is expected to be faster over this link (--always "
    "climbs on)"
)

__all__ = ["Ladder", "climb", "ladder_of", "progressive"]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs to try, the cheapest first.

    Attributes:
        forward_seconds, bound_seconds: What evaluating and bounding one input in float64 takes; not
            known if NaN. So with rung_seconds, what a rung takes besides.
        source: `calibration`, or `default` where nothing was measured.
        measured: The calibration, if it was made for this.
        notes: What whoever reads the result should know of it.
    """

    rungs: Sequence[Rung]
    forward_seconds: float = math.nan
    bound_seconds: float = math.nan
    rung_seconds: float = 0.0
    source: str = "default"
    measured: Measured | None = None
    notes: tuple[str, ...] = ()


def climb(
    climbing: Climb,
    prefixes: Prefixes,
    ladder: Ladder,
    *,
    far: bool,
    always: bool,
) -> tuple[str, ...]:
    """Decide all inputs, rung by rung and the rest exactly; return notes on how it went.

    Args:
        far: Bytes come over a link: then rungs are passed over, or all of them, where that is
            expected to be faster.
        always: Not even then.

    Raises:
        BadInputError: torch refuses the inputs, or the outputs are no classes.
    """
    notes: list[str] = []
    place = 0
    while climbing.undecided and place < len(ladder.rungs):
        if far and not always:
            place = _fastest(climbing, prefixes, ladder, place)
            if place == len(ladder.rungs):
                notes.append(_FASTER)
                break
        try:
            climbing.rung(ladder.rungs[place].schedule)
        except NoBoundsError as error:
            climbing.no_bounds = {"why": str(error), "node": error.node, "op": error.op}
            notes.append(f"all weights were read: {error}")
            break
        place += 1
    climbing.rest()
    if not far and (note := _local_note(climbing, prefixes, ladder)):
        notes.append(note)
    return tuple(notes)


def _speeds(climbing: Climb, ladder: Ladder, rate: float) -> Speeds | None:
    """Return what was measured, now or when it was calibrated; None if nothing was.

    Args:
        rate: Bytes of a second.
    """
    bounded = sum(one.inputs for one in climbing.passed)
    bound, forward = ladder.bound_seconds, ladder.forward_seconds
    if math.isnan(bound) and bounded:
        bound = sum(one.bounding_seconds for one in climbing.passed) / bounded
    if math.isnan(bound):
        return None
    if math.isnan(forward):
        forward = bound / _BOUND_COST
    return Speeds(1 / rate, forward, bound, ladder.rung_seconds)


def _fastest(climbing: Climb, prefixes: Prefixes, ladder: Ladder, place: int) -> int:
    """Return the rung to go on with, so that it takes the least time; their number for none.

    Args:
        place: The next one.
    """
    # Before anything came over the link: what would be best over a slow one.
    speeds = _speeds(climbing, ladder, prefixes.far_rate or _SLOW_RATE)
    rungs, last = ladder.rungs, len(ladder.rungs)
    if speeds is None or any(math.isnan(rung.share) for rung in rungs[place:]):
        return place
    done = rungs[place - 1].share if place else 0.0
    read, full, count = prefixes.bytes_read, prefixes.bytes_full, climbing.undecided

    def seconds(first: int) -> float:
        return climbing_seconds(rungs[first:], done, read, full, count, speeds)

    return min(range(place, last + 1), key=seconds)


def _local_note(climbing: Climb, prefixes: Prefixes, ladder: Ladder) -> str:
    if not prefixes.bytes_read or not climbing.passed:
        return ""
    speeds = _speeds(climbing, ladder, prefixes.bytes_read / max(prefixes.seconds, 1e-9))
    if speeds is None:
        return ""
    # The seconds of exact answers are with those of the bytes that were read for them.
    spent = climbing.exact_seconds
    spent += sum(one.fetching_seconds + one.bounding_seconds for one in climbing.passed)
    whole = exact_seconds(0, prefixes.bytes_full, climbing.count, speeds)
    if whole >= spent:
        return ""
    return (
        f"reading all weights would have been faster here: about {human.duration(whole)} instead "
        f"of {human.duration(spent)}; prefixes save bytes, and time over a slow link"
    )


def progressive(job: Job) -> Evaluation:
    """Evaluate one version; raises what `climb` does, and BadInputError if weights do not fit."""
    with closing(job.open()) as source:
        fit = job.fit(source)
        classes = tuple(source.classes)
    options, network = job.options, job.network
    prefixes = Prefixes(job.repo, job.tree)
    bounds = job.bounds(prefixes, fit)
    far = prefixes.is_far
    ladder = ladder_of(job, fit, bounds, far=far)
    begun = time.perf_counter()
    guard = guard_of(network) if options.guard is None else options.guard
    rules = Rules(guard, options.top, options.certify == CERTIFY[1], job.form)
    climbing = Climb(bounds, prefixes, job.inputs(fit), rules, job.step)
    notes = climb(climbing, prefixes, ladder, far=far, always=options.always)
    predictions = climbing.predictions()
    facts = {
        "guard": guard,
        "certify": options.certify,
        "certified_topk": climbing.certified_sets(),
        "topk_unknown": climbing.topk_unknown(),
        "bytes_decided": _quantiles(predictions.nbytes),
        "ladder": ladder.source,
        "calibrated": None if ladder.measured is None else _spent(ladder.measured),
        "rungs": [dataclasses.asdict(one) for one in climbing.passed],
        "no_bounds": climbing.no_bounds,
    }
    return job.evaluation(
        begun,
        fit.labels is not None,
        climbing.scores(classes),
        predictions,
        read=(prefixes.bytes_read, prefixes.bytes_full),
        shares={status: climbing.share(status) for status in STATUSES},
        facts=facts,
        notes=(*ladder.notes, *notes),
    )


def ladder_of(job: Job, fit: Fit, bounds: Bounds, *, far: bool) -> Ladder:
    """Return the ladder of a version: that of its calibration, which is made if it can be.

    Nothing is calibrated over a link, which takes all bytes, nor with a few inputs.

    Raises:
        BadInputError: the weights or the data do not fit the network.
    """
    steps = bounds.steps()
    found = calibration_for(job, steps)
    measured = None
    notes: tuple[str, ...] = ()
    if found is None and not far and fit.count >= INPUTS_MIN:
        job.say("calibrating, once for this version as it is stored")
        try:
            measured = calibrate(job, fit)
        except NoBoundsError:
            # Climbing meets the same, and says so.
            return Ladder(default(job.network, steps))
        found = measured.calibration
        why = keep(job, found) if job.options.keep else ""
        notes = (f"the calibration was not kept: {why}",) if why else ()
    if found is None:
        hint = "`modelhub archive --calibrate DATA` finds better prefixes to read"
        return Ladder(default(job.network, steps), notes=(f"not calibrated: {hint}",))
    if not found.rungs:
        notes += ("the calibration found no prefix that decides an input",)
    return Ladder(
        found.rungs,
        found.forward_seconds,
        found.bound_seconds,
        found.rung_seconds,
        "calibration",
        measured,
        notes,
    )


def _spent(measured: Measured) -> dict[str, float]:
    return {"bytes_read": measured.bytes_read, "seconds": measured.seconds}


def _quantiles(nbytes: Any) -> dict[str, int]:
    """Return the bytes at which a share of all inputs was decided."""
    return {
        f"{share:g}": int(np.quantile(nbytes, share, method="higher"))
        for share in (0.5, 0.9, 0.97, 1.0)
    }
