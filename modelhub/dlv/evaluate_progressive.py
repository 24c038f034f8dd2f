"""Evaluate a version by prefixes of its weights, and prove each answer that they suffice for."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from modelhub.dlv.evaluate_bounds import Bounds, NoBoundsError, names_of
from modelhub.dlv.evaluate_climb import Climb, Rules
from modelhub.dlv.evaluate_inputs import Inputs
from modelhub.dlv.evaluate_job import Job
from modelhub.dlv.evaluate_options import STATUSES, Evaluation
from modelhub.dlv.prefixes import Prefixes
from modelhub.dlv.weights import entries
from modelhub.progressive.break_even import Speeds, climbing_seconds, exact_seconds
from modelhub.progressive.guards import guard_of
from modelhub.progressive.ladder import Rung, default
from modelhub.report import human

__all__ = ["Ladder", "climb", "progressive"]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs to try, the cheapest first.

    Attributes:
        forward_seconds: What evaluating one input in float64 takes; not known if NaN.
        source: `calibration`, or `default` where nothing was measured.
        why_exact: Why no rung is tried at all, if none is.
    """

    rungs: Sequence[Rung]
    forward_seconds: float = math.nan
    source: str = "default"
    why_exact: str = ""


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
        far: Bytes come over a link: then it goes exact as soon as that is expected to be faster.
        always: Not even then.

    Raises:
        BadInputError: torch refuses the inputs, or the outputs are no classes.
    """
    notes: list[str] = []
    if ladder.why_exact:
        notes.append(f"all weights were read: {ladder.why_exact}")
    rungs = () if ladder.why_exact else ladder.rungs
    for place, rung in enumerate(rungs):
        if not climbing.undecided:
            break
        if far and not always and _exact_is_faster(climbing, prefixes, ladder, place):
            notes.append(
                "all weights are read for the rest: that is expected to be faster over this link "
                "(--always climbs on)"
            )
            break
        try:
            climbing.rung(rung.schedule)
        except NoBoundsError as error:
            notes.append(f"all weights were read: {error}")
            break
    climbing.rest()
    if not far and (note := _local_note(climbing, prefixes, ladder)):
        notes.append(note)
    return tuple(notes)


def _speeds(climbing: Climb, prefixes: Prefixes, ladder: Ladder) -> Speeds | None:
    """Return what was measured so far; None as long as nothing was."""
    bounded = sum(one.inputs for one in climbing.passed)
    if not bounded or not prefixes.bytes_read:
        return None
    bound = sum(one.bounding_seconds for one in climbing.passed) / bounded
    # Bounds take two to five times what a forward pass in float64 does.
    forward = ladder.forward_seconds if math.isfinite(ladder.forward_seconds) else bound / 4
    return Speeds(prefixes.seconds / prefixes.bytes_read, forward, bound)


def _exact_is_faster(climbing: Climb, prefixes: Prefixes, ladder: Ladder, place: int) -> bool:
    speeds = _speeds(climbing, prefixes, ladder)
    rungs = ladder.rungs[place:]
    if speeds is None or any(math.isnan(rung.certified) for rung in rungs):
        return False
    done = ladder.rungs[place - 1].certified if place else 0.0
    read, full, count = prefixes.bytes_read, prefixes.bytes_full, climbing.undecided
    return exact_seconds(read, full, count, speeds) < climbing_seconds(
        rungs, done, read, full, count, speeds
    )


def _local_note(climbing: Climb, prefixes: Prefixes, ladder: Ladder) -> str:
    speeds = _speeds(climbing, prefixes, ladder)
    if speeds is None:
        return ""
    spent = prefixes.seconds + climbing.exact_seconds
    spent += sum(one.bounding_seconds for one in climbing.passed)
    whole = exact_seconds(0, prefixes.bytes_full, climbing.count, speeds)
    if whole >= spent:
        return ""
    return (
        f"reading all weights would have been faster here: about {human.duration(whole)} instead "
        f"of {human.duration(spent)}; prefixes save bytes, and time over a slow link"
    )


def progressive(job: Job) -> Evaluation:
    """Evaluate one version; raises what `climb` does, and BadInputError if weights do not fit."""
    begun = time.perf_counter()
    with closing(job.open()) as source:
        fit = job.fit(source)
        classes = tuple(source.classes)
    options, network = job.options, job.network
    prefixes = Prefixes(job.repo, job.tree)
    bounds = Bounds(
        network,
        prefixes,
        names_of(network, entries(job.repo, job.tree), job.name),
        device=job.device,
        batch=fit.batch,
        where=job.name,
        data=str(job.data),
    )
    inputs = Inputs(job.open, fit, fit.batch or options.batch_size, str(job.data))
    guard = guard_of(network) if options.guard is None else options.guard
    rules = Rules(guard, options.top, options.certify == "set", job.form)
    climbing = Climb(bounds, prefixes, inputs, rules, job.step)
    ladder = Ladder(default(network, bounds.steps()))
    notes = climb(climbing, prefixes, ladder, far=False, always=options.always)
    scores = climbing.scores(classes)
    facts = {
        "guard": guard,
        "certify": options.certify,
        "certified_topk": climbing.certified_sets(),
        "topk_unknown": climbing.topk_unknown(),
        "ladder": ladder.source,
        "rungs": [dataclasses.asdict(one) for one in climbing.passed],
    }
    return job.evaluation(
        begun,
        fit.labels is not None,
        scores,
        climbing.predictions(),
        read=(prefixes.bytes_read, prefixes.bytes_full),
        shares={status: climbing.share(status) for status in STATUSES},
        facts=facts,
        notes=notes,
    )
