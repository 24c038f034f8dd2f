"""Calibrate versions for `eval --progressive` and `--estimate`, ahead of their first use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from modelhub import data as data_sets
from modelhub.dlv import evaluate_run as running
from modelhub.dlv.calibrate_ladder import Measured, calibrate, keep
from modelhub.dlv.evaluate_bounds import NoBoundsError
from modelhub.dlv.evaluate_job import Job, network_to_run
from modelhub.dlv.evaluate_options import EvalOptions, check_options
from modelhub.dlv.resolve import Resolved, default_snapshot, format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, NotFoundError

__all__ = ["Calibrated", "calibrate_versions"]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What became of one version.

    Attributes:
        rev: With its snapshot.
        measured: What was found; None if nothing could be.
        why: Why nothing could be found, or why it was not kept; empty if it was kept.
    """

    rev: str
    measured: Measured | None
    why: str = ""


def calibrate_versions(
    repo: Repo,
    data: Path,
    revs: Sequence[str] = (),
    options: EvalOptions | None = None,
    *,
    on_wait: Callable[[str], None] | None = None,
) -> tuple[Calibrated, ...]:
    """Calibrate versions on some examples of a data set, and keep what was found.

    Args:
        revs: Those that are meant; without any all whose network runs and that the data fits, each
            with its default snapshot.
        options: How the data is prepared and where it runs.

    Raises:
        NotFoundError: a revision or the data does not exist, or has no weights.
        BadInputError: a version that was named cannot run, or the data does not fit it.
        CorruptionError: a checksum fails.
    """
    options = options or EvalOptions()
    check_options(options)
    device = running.device_of(options.device)
    facts = data_sets.facts_of(data)

    def say(text: str) -> None:
        if on_wait is not None:
            on_wait(text)

    found = []
    for target in [resolve(repo, rev) for rev in revs] or _all(repo):
        try:
            network = network_to_run(repo, target)
            job = Job(repo, target, network, data, facts, device, options, _nothing, say)
            found.append(_calibrated(job))
        except (BadInputError, NotFoundError) as error:
            if revs:
                raise
            found.append(Calibrated(format_rev(target.version), None, str(error)))
    return tuple(found)


def _nothing(_: int) -> None:
    """Examples are not counted here."""


def _all(repo: Repo) -> list[Resolved]:
    with repo.catalog.read() as txn:
        versions = list(txn.versions())
        metadata = [txn.metadata(version.id) for version in versions]
    return [
        Resolved(version, default_snapshot(version, told.get("best_snapshot")))
        for version, told in zip(versions, metadata, strict=True)
        if version.snapshots
    ]


def _calibrated(job: Job) -> Calibrated:
    with closing(job.open()) as source:
        fit = job.fit(source)
    try:
        measured = calibrate(job, fit)
    except NoBoundsError as error:
        return Calibrated(job.name, None, str(error))
    return Calibrated(job.name, measured, keep(job, measured.calibration))
