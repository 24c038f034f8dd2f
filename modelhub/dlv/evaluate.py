"""Evaluate versions on a data set: answers, accuracy, loss, and where they fail.

Exact: all weights are read, and each answer is that of torch on the device and in the dtypes of the
network.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from modelhub import data as data_sets
from modelhub.data import DataFacts, Preparation
from modelhub.dlv import evaluate_run as running
from modelhub.dlv.annotate import annotate
from modelhub.dlv.evaluate_scores import FORMS, Predictions, Scores, Tally
from modelhub.dlv.evaluations import EVAL, Evaluated, evaluations_of
from modelhub.dlv.networks import load, network_of
from modelhub.dlv.progress import Progress
from modelhub.dlv.resolve import Resolved, format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, NotFoundError, PermissionDeniedError, UsageError
from modelhub.fs import files
from modelhub.net.graph import Network

__all__ = ["BATCH_SIZE", "TOP_K", "EvalOptions", "Evaluation", "evaluate", "write_predictions"]

# As fast as larger ones on a CPU for small networks, and 128 images of 224x224 take 77 MB.
BATCH_SIZE = 128
TOP_K = 5

_MODE = "exact"
# Images of 8 bits become 0 to 1, which is what torchvision gives.
_IMAGE_DIVISOR = 255.0


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """How to evaluate.

    Attributes:
        top: The k of top-k.
        device: `auto`, `cpu` or `cuda`.
        batch_size: Examples at a time, unless the network is fixed to a number.
        divide_by, mean, std: See `modelhub.data.Preparation`; images are divided by 255 by default.
        image_size: Height and width of images, where the network leaves them free.
        resize: How images of another size are made fit, `crop` or `stretch`; None refuses them.
        outputs: What the network's outputs are, one of `FORMS`, where its last node does not tell.
        keep: Keep the result as an annotation of the version.
    """

    top: int = TOP_K
    device: str = "auto"
    batch_size: int = BATCH_SIZE
    divide_by: float | None = None
    mean: Sequence[float] = ()
    std: Sequence[float] = ()
    image_size: tuple[int, int] | None = None
    resize: str | None = None
    outputs: str | None = None
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of one version; shares are of its `scores.n` examples.

    Attributes:
        rev: The revision with its snapshot.
        outputs: What the network's outputs were taken for, one of `FORMS`.
        bytes_read: Compressed bytes read from packs for the weights.
        bytes_full: Those of an exact read.
        kept: Whether the result is an annotation now; `why_not` says why it is none, if it should.
    """

    rev: str
    version: bytes
    snapshot: str
    data: DataFacts
    labelled: bool
    scores: Scores
    predictions: Predictions
    outputs: str
    bytes_read: int
    bytes_full: int
    certified: float
    estimated: float
    exact: float
    tie: float
    device: str
    torch: str
    seconds: float
    kept: bool = False
    why_not: str = ""


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
    _check(revs, options)
    targets = [resolve(repo, rev) for rev in revs]
    networks = [_network(repo, target) for target in targets]
    device = running.device_of(options.device)
    facts = data_sets.facts_of(data)
    total = sum(_count(network, data, options) for network in networks)
    found: list[Evaluation] = []
    for target, network in zip(targets, networks, strict=True):
        done = sum(one.scores.n for one in found)

        def step(here: int, before: int = done) -> None:
            if progress is not None:
                progress(before + here, total)

        one = _evaluate(repo, target, network, data, facts, device, options, step)
        found.append(_kept(repo, target, one, options, on_wait) if options.keep else one)
    return tuple(found)


def _check(revs: Sequence[str], options: EvalOptions) -> None:
    if not revs:
        raise UsageError("no version to evaluate", expected="one or more revisions")
    for what, number in (("top", options.top), ("batch size", options.batch_size)):
        if number < 1:
            raise UsageError(f"{what} {number}", expected="1 or more")
    if options.divide_by is not None and not (options.divide_by > 0):
        raise UsageError(f"a divisor of {options.divide_by:g}", expected="a number above 0")
    if any(not number > 0 for number in options.std):
        raise UsageError("a deviation that is not above 0", expected="numbers above 0")
    for what, value, words in (
        ("resize", options.resize, data_sets.FITS),
        ("outputs", options.outputs, FORMS),
        ("device", options.device, running.DEVICES),
    ):
        if value is not None and value not in words:
            raise UsageError(f"{what} {value!r}", expected="one of " + ", ".join(words))


def _name(target: Resolved) -> str:
    label = "" if target.snapshot is None else f"#{target.snapshot.label}"
    return format_rev(target.version) + label


def _network(repo: Repo, target: Resolved) -> Network:
    if target.snapshot is None:
        raise NotFoundError(f"{format_rev(target.version)} has no weights to evaluate")
    network = network_of(repo, target.version)
    if not network.executable:
        raise BadInputError(
            "the version was committed as weights alone, so it cannot run",
            expected="a version with its network",
            where=format_rev(target.version),
            hint="commit it again with --network FILE, or from Python with network= and "
            "example_inputs=",
        )
    return network


def _open(network: Network, data: Path, options: EvalOptions) -> data_sets.Source:
    shape = data_sets.image_shape(network, options.image_size)
    return data_sets.open_data(data, shape, options.resize)


def _preparation(source: data_sets.Source, options: EvalOptions) -> Preparation:
    divisor = options.divide_by
    if divisor is None and source.kind == data_sets.Images.kind:
        divisor = _IMAGE_DIVISOR
    return Preparation(divisor, tuple(options.mean), tuple(options.std))


def _count(network: Network, data: Path, options: EvalOptions) -> int:
    with closing(_open(network, data, options)) as source:
        return data_sets.fit(network, source, _preparation(source, options)).count


def _evaluate(
    repo: Repo,
    target: Resolved,
    network: Network,
    data: Path,
    facts: DataFacts,
    device: str,
    options: EvalOptions,
    step: Callable[[int], None],
) -> Evaluation:
    begun = time.perf_counter()
    assert target.snapshot is not None
    form = options.outputs or running.form_of(network)
    with closing(_open(network, data, options)) as source:
        fit = data_sets.fit(network, source, _preparation(source, options))
        loaded = load(repo, target.version, target.snapshot)
        batches = running.outputs(
            loaded.module,
            source,
            fit,
            batch_size=options.batch_size,
            device=device,
            where=_name(target),
        )
        tally: Tally | None = None
        parts: list[Predictions] = []
        done = 0
        for outputs, labels in batches:
            if tally is None:
                tally = Tally(outputs.shape[1], options.top, form, labels is not None)
            _check_labels(labels, outputs.shape[1], done, source)
            parts.append(tally.add(outputs, labels))
            done += len(outputs)
            step(done)
        # A data set without examples was refused by `fit`.
        assert tally is not None
        scores = tally.scores(tuple(source.classes))
    return Evaluation(
        rev=_name(target),
        version=target.version.id,
        snapshot=target.snapshot.label,
        data=facts,
        labelled=fit.labels is not None,
        scores=scores,
        predictions=_joined(parts),
        outputs=form,
        bytes_read=loaded.bytes_read,
        bytes_full=loaded.bytes_read,
        certified=0.0,
        estimated=0.0,
        exact=1.0,
        tie=0.0,
        device=device,
        torch=running.torch_version(),
        seconds=time.perf_counter() - begun,
    )


def _check_labels(labels: Any, classes: int, done: int, source: data_sets.Source) -> None:
    if labels is None:
        return
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        first = int(wrong[0])
        raise BadInputError(
            f"example {done + first} has the label {int(labels[first])}",
            expected=f"0 to {classes - 1}, the network's {classes} classes",
            where=source.where,
        )


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
        mode=_MODE,
        device=one.device,
        torch=one.torch,
        seconds=one.seconds,
        settings=_settings(one, options),
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
    return {name: value for name, value in found.items() if value not in (None, [])}


def write_predictions(path: Path, one: Evaluation) -> None:
    """Write an .npz file with an entry for each example.

    Arrays `label` (int64, -1 where an output is no number), `status` (text, `exact`), `margin`
    (float64) and `bytes` (int64, compressed bytes read when the answer was decided).
    """
    found = one.predictions
    buffer = io.BytesIO()
    count = len(found.label)
    np.savez(
        buffer,
        label=found.label,
        status=np.full(count, _MODE, dtype="<U9"),
        margin=found.margin,
        bytes=np.full(count, one.bytes_read, np.int64),
    )
    files.write_atomic(path, buffer.getbuffer())
