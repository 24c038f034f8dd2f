"""Evaluate versions on a data set: answers, accuracy, loss, and where they fail.

Exact: all weights are read, and each answer is that of torch on the device and in the dtypes of the
network.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from modelhub import data as data_sets
from modelhub.dlv import evaluate_run as running
from modelhub.dlv.annotate import annotate
from modelhub.dlv.evaluate_estimate import estimate
from modelhub.dlv.evaluate_inputs import label_beyond
from modelhub.dlv.evaluate_job import Job, network_to_run
from modelhub.dlv.evaluate_options import (
    BATCH_SIZE,
    ESTIMATE,
    EXACT,
    PROGRESSIVE,
    TOP_K,
    EvalOptions,
    Evaluation,
    check_options,
)
from modelhub.dlv.evaluate_progressive import progressive
from modelhub.dlv.evaluate_scores import Predictions, Tally
from modelhub.dlv.evaluations import EVAL, Evaluated, evaluations_of
from modelhub.dlv.networks import load
from modelhub.dlv.progress import Progress
from modelhub.dlv.resolve import Resolved, format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.errors import PermissionDeniedError, UsageError
from modelhub.fs import files

__all__ = ["BATCH_SIZE", "TOP_K", "EvalOptions", "Evaluation", "evaluate", "write_predictions"]


def evaluate(
    repo: Repo,
    revs: Sequence[str],
    data: Path,
    options: EvalOptions | None = None,
    *,
    progress: Progress | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> tuple[Evaluation, ...]:
    """Run versions over a data set, one after the other, and keep each result when it is there.

    Everything that can be checked is, of all versions, before the first is run.

    Args:
        progress: Called with examples done and in total, over all versions.
        on_wait: Told that another writer is waited for.

    Raises:
        UsageError: no revision, or an option that does not make sense.
        NotFoundError: a revision or the data does not exist, or a version has no weights.
        BadInputError: the data is damaged or does not fit a network, a version was committed as
            weights alone, or a network's outputs are no classes.
        CorruptionError: a checksum fails.
        ModelHubError: kind `missing_extra`, torch or a package for the data is not installed.
    """
    options = options or EvalOptions()
    if not revs:
        raise UsageError("no version to evaluate", expected="one or more revisions")
    check_options(options)
    targets = [resolve(repo, rev) for rev in revs]
    networks = [network_to_run(repo, target) for target in targets]
    device = running.device_of(options.device)
    facts = data_sets.facts_of(data)
    done = 0

    def step(here: int) -> None:
        if progress is not None:
            progress(done + here, total)

    def say(text: str) -> None:
        if on_wait is not None:
            on_wait(text)

    jobs = [
        Job(repo, target, network, data, facts, device, options, step, say)
        for target, network in zip(targets, networks, strict=True)
    ]
    total = sum(_count(job) for job in jobs)
    found: list[Evaluation] = []
    for job in jobs:
        one = _RUNS[options.mode](job)
        found.append(_kept(repo, job.target, one, options, on_wait) if options.keep else one)
        done += one.scores.n
    return tuple(found)


def _count(job: Job) -> int:
    with closing(job.open()) as source:
        return job.fit(source).count


def _exact(job: Job) -> Evaluation:
    begun = time.perf_counter()
    with closing(job.open()) as source:
        fit = job.fit(source)
        loaded = load(job.repo, job.target.version, job.target.snapshot)
        batches = running.outputs(
            loaded.module,
            source,
            fit,
            batch_size=job.options.batch_size,
            device=job.device,
            where=job.name,
        )
        tally: Tally | None = None
        parts: list[Predictions] = []
        done = 0
        for outputs, labels in batches:
            if tally is None:
                tally = Tally(outputs.shape[1], job.options.top, job.form, labels is not None)
            _check_labels(labels, outputs.shape[1], done, source)
            parts.append(tally.add(outputs, labels))
            done += len(outputs)
            job.step(done)
        # A data set without examples was refused by `fit`.
        assert tally is not None
        scores = tally.scores(tuple(source.classes))
    read = loaded.bytes_read, loaded.bytes_read
    labelled = fit.labels is not None
    return job.evaluation(begun, labelled, scores, _joined(parts), read=read, shares={EXACT: 1.0})


_RUNS: Mapping[str, Callable[[Job], Evaluation]] = {
    EXACT: _exact,
    PROGRESSIVE: progressive,
    ESTIMATE: estimate,
}


def _check_labels(labels: Any, classes: int, done: int, source: data_sets.Source) -> None:
    if labels is None:
        return
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        first = int(wrong[0])
        raise label_beyond(done + first, int(labels[first]), classes, source.where)


def _joined(parts: Iterable[Predictions]) -> Predictions:
    labels, margins = zip(*((part.label, part.margin) for part in parts), strict=True)
    return Predictions(np.concatenate(labels), np.concatenate(margins))


def _kept(
    repo: Repo,
    target: Resolved,
    one: Evaluation,
    options: EvalOptions,
    on_wait: Callable[[str], None] | None,
) -> Evaluation:
    """Note a result; where nothing can be written, say so instead of losing the result."""
    scores = one.scores
    value = Evaluated(
        snapshot=one.snapshot,
        data=one.data.name,
        sha256=one.data.sha256,
        data_bytes=one.data.nbytes,
        n=scores.n,
        classes=scores.class_count,
        top1=scores.top1,
        k=scores.k,
        topk=scores.topk,
        loss=scores.loss,
        not_numbers=scores.not_numbers,
        mode=one.mode,
        device=one.device,
        torch=one.torch,
        seconds=one.seconds,
        settings=_settings(one, options),
        reading=_reading(one),
    )
    try:
        with repo.writer_lock(on_wait):
            with repo.catalog.read() as txn:
                there = txn.version(target.version.id) is not None
                known = evaluations_of(txn.annotations(target.version.id))
            if not there:
                return replace(one, why_not=f"{format_rev(target.version)} was removed meanwhile")
            # The newest says the same: nothing would be learnt, and packs would grow with each run.
            if not known or not known[-1].says_as(value):
                annotate(repo, [(target.version.id, EVAL, value.to_json())])
    except PermissionDeniedError as error:
        return replace(one, why_not=str(error))
    return replace(one, kept=True)


def _settings(one: Evaluation, options: EvalOptions) -> dict[str, Any]:
    """Return what was asked for that can change a result; what is as usual is left out."""
    found = {
        "batch_size": options.batch_size,
        "outputs": one.outputs,
        "divide_by": options.divide_by,
        "mean": list(options.mean),
        "std": list(options.std),
        "image_size": list(options.image_size or ()),
        "resize": options.resize,
    }
    if one.mode == PROGRESSIVE:
        found |= {"guard": one.facts["guard"], "certify": options.certify}
    if one.mode == ESTIMATE:
        found |= {"audit": options.audit, "seed": options.seed}
    return {name: value for name, value in found.items() if value not in (None, [])}


def _reading(one: Evaluation) -> dict[str, Any]:
    """Return what a result by prefixes rests on; nothing of an exact one."""
    if one.mode == EXACT:
        return {}
    found = {
        "bytes_read": one.bytes_read,
        "bytes_full": one.bytes_full,
        "certified": one.certified,
        "tie": one.tie,
        "estimated": one.estimated,
        "exact": one.exact,
    }
    kept = ("certified_topk", "bytes_decided", "audit")
    return found | {name: one.facts[name] for name in kept if name in one.facts}


def write_predictions(path: Path, one: Evaluation) -> None:
    """Write an .npz file with an entry for each example.

    Arrays `label` (int64, -1 where an output is no number), `status` (text, one of
    `evaluate_options.STATUSES`), `margin` (float64) and `bytes` (int64, compressed bytes read when
    the answer was decided), and what else the mode has.
    """
    found = one.predictions
    buffer = io.BytesIO()
    count = len(found.label)
    status, nbytes = found.status, found.nbytes
    arrays: dict[str, Any] = {
        "label": found.label,
        "status": np.full(count, EXACT, dtype="<U9") if status is None else status,
        "margin": found.margin,
        "bytes": np.full(count, one.bytes_read, np.int64) if nbytes is None else nbytes,
        **found.more,
    }
    np.savez(buffer, **arrays)
    files.write_atomic(path, buffer.getbuffer())
