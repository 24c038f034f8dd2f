"""Calibrate a version for progressive evaluation: find its ladder on some inputs.

Weights are read whole, and then again by the prefixes that are tried: this is to be done where they
lie near. Labels of the data are not looked at.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub.data import Fit
from modelhub.dlv import evaluate_run as running
from modelhub.dlv.annotate import annotate
from modelhub.dlv.evaluate_inputs import Batch
from modelhub.dlv.evaluate_job import Job
from modelhub.dlv.ladders import LADDER, Audited, Calibration, calibration_of, storage_of
from modelhub.dlv.prefixes import Prefixes
from modelhub.errors import PermissionDeniedError
from modelhub.net import module as modules
from modelhub.progressive.ladder import cut_steps, estimate_schedules
from modelhub.progressive.search import Step, search

__all__ = ["INPUTS_MAX", "INPUTS_MIN", "Measured", "calibrate", "calibration_for", "keep"]

# Inputs that are tried; so many tell a share to within 2 percent, and the search goes through them
# once for each schedule.
INPUTS_MAX = 256
# With fewer inputs than that, measuring takes longer than what it could save.
INPUTS_MIN = 32
# The search makes about so many passes and one for each tensor, and shall take no longer; it takes
# fewer inputs if need be.
_PASSES = 25
_SECONDS = 30.0
# Bounds take about as long as so many forward passes.
_BOUND_COST = 4.0
# The first schedule for estimates whose labels differ no more often than that is taken.
_MISSES_SHARE_MAX = 0.005

Array = npt.NDArray[Any]
Schedule = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Measured:
    """A calibration, the compressed bytes that were read for it and are there, and its seconds."""

    calibration: Calibration
    bytes_read: int
    bytes_full: int
    seconds: float


class _Trial:
    """Runs a version with one schedule or another on the same inputs."""

    def __init__(self, job: Job, fit: Fit) -> None:
        self._job, self._fit = job, fit
        inputs = job.inputs(fit)
        chosen = np.zeros(fit.count, bool)
        # Evenly over the data, which may stand in the order of its classes.
        chosen[np.linspace(0, fit.count - 1, min(INPUTS_MAX, fit.count)).astype(int)] = True
        self.batches: Sequence[Batch] = tuple(inputs.batches(chosen))
        self.count = int(chosen.sum())
        self.prefixes = Prefixes(job.repo, job.tree)
        self.bounds = job.bounds(self.prefixes, fit)
        self.seconds = 0.0
        self.bounded = 0

    def exact(self) -> tuple[Array, float]:
        """Return the labels that all weights give, and the seconds for one input."""
        # Weights are read and converted before the clock runs.
        self.bounds.evaluate(self.batches[0].inputs)
        begun = time.perf_counter()
        values = [self.bounds.evaluate(batch.inputs).values for batch in self.batches]
        seconds = (time.perf_counter() - begun) / self.count
        labels: Array = np.concatenate(values).argmax(axis=1)
        return labels, seconds

    def margins(self, schedule: Schedule, most: int) -> Array:
        """Return the margins that a schedule proves of the first inputs, float64."""
        self.bounds.take(schedule)
        begun, done = time.perf_counter(), 0
        found: list[Array] = []
        for batch in self.batches:
            if done < most:
                found.append(self.bounds.decide(batch.inputs, 1).margin)
                done += len(batch.rows)
        self.seconds += time.perf_counter() - begun
        self.bounded += done
        margins: Array = np.concatenate(found)
        return margins

    def rung_seconds(self, schedule: Schedule) -> float:
        """Return how long a rung takes with one input, without reading."""
        self.bounds.take(self.bounds.full())
        first = {name: array[:1] for name, array in self.batches[0].inputs.items()}
        begun = time.perf_counter()
        self.bounds.take(schedule)
        self.bounds.decide(first, 1)
        return time.perf_counter() - begun

    def labels(self, schedule: Schedule) -> Array:
        """Return the labels that the middles of the boxes give, in the network's own dtypes."""
        values = {
            own: self.prefixes.values(name, schedule[name])
            for own, name in self.bounds.names.items()
        }
        job = self._job
        module = modules.build(job.network, values).to(job.device)
        found = [
            running.run(module, batch.inputs, self._fit, job.device, job.name, str(job.data))
            for batch in self.batches
        ]
        labels: Array = np.concatenate(found).argmax(axis=1)
        return labels


def calibrate(job: Job, fit: Fit) -> Measured:
    """Find the ladder of a version on some examples of a data set.

    Raises:
        NoBoundsError: no bounds are known for the network, so it has no ladder.
        BadInputError: the weights or the data do not fit the network.
    """
    begun = time.perf_counter()
    trial = _Trial(job, fit)
    steps = trial.bounds.steps()
    truth, forward = trial.exact()
    cut = cut_steps(job.network, steps)
    passes = _PASSES + sum(len(found) > 1 for found in cut.values())
    most = int(_SECONDS / (passes * _BOUND_COST * max(forward, 1e-9)))
    most = min(max(most, INPUTS_MIN), trial.count)
    # The last rung is the exact one.
    rungs = search(cut, lambda schedule: trial.margins(schedule, most))[:-1]
    agreements = tuple(
        (trial.count, int((trial.labels(rung.schedule) != truth).sum())) for rung in rungs
    )
    estimate = _estimate(trial, estimate_schedules(job.network, steps), truth)
    bound = trial.seconds / max(trial.bounded, 1)
    alone = trial.rung_seconds(rungs[len(rungs) // 2].schedule) if rungs else 0.0
    assert job.target.snapshot is not None
    found = Calibration(
        snapshot=job.target.snapshot.label,
        storage=storage_of(steps),
        data=job.facts.name,
        sha256=job.facts.sha256,
        n=trial.count,
        rungs=rungs,
        agreements=agreements,
        estimate=estimate,
        device=job.device,
        forward_seconds=forward,
        bound_seconds=bound,
        rung_seconds=max(alone - bound, 0.0),
    )
    read, full = trial.prefixes.bytes_read, trial.prefixes.bytes_full
    return Measured(found, read, full, time.perf_counter() - begun)


def _estimate(trial: _Trial, schedules: Sequence[Schedule], truth: Array) -> Audited:
    """Choose a schedule by every other input, and count the misses of the rest."""
    for schedule in schedules:
        missed = trial.labels(schedule) != truth
        if missed[::2].mean() <= _MISSES_SHARE_MAX or schedule is schedules[-1]:
            break
    audited = missed[1::2]
    return Audited(schedule, trial.prefixes.nbytes(schedule), len(audited), int(audited.sum()))


def calibration_for(job: Job, steps: Mapping[str, Sequence[Step]]) -> Calibration | None:
    """Return the calibration that is kept of a version's snapshot as it is stored, or None."""
    assert job.target.snapshot is not None
    with job.repo.catalog.read() as txn:
        notes = txn.annotations(job.target.version.id)
    found = calibration_of(notes, job.target.snapshot.label, storage_of(steps))
    return found if found is not None and found.names() >= set(steps) else None


def keep(job: Job, found: Calibration) -> str:
    """Note a calibration with its version; return why it could not be kept, or nothing."""
    version = job.target.version
    try:
        with job.repo.writer_lock(job.say):
            with job.repo.catalog.read() as txn:
                if txn.version(version.id) is None:
                    return f"{job.name} was removed meanwhile"
            annotate(job.repo, [(version.id, LADDER, found.to_json())])
    except PermissionDeniedError as error:
        return str(error)
    return ""
