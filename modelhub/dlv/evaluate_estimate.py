"""Estimate a version's answers from leading bytes of its weights; nothing is proved.

Each weight is taken to be in the middle of what its leading bytes leave open, and the network is
run as it is. How often such answers differ from those of all weights is told by an *audit*: a
random sample of inputs that is evaluated with all weights, or the one of the version's calibration.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub.data import Fit
from modelhub.dlv import evaluate_run as running
from modelhub.dlv.calibrate_ladder import calibration_for
from modelhub.dlv.evaluate_bounds import Answers, Bounds
from modelhub.dlv.evaluate_inputs import Batch, Inputs
from modelhub.dlv.evaluate_job import Job
from modelhub.dlv.evaluate_options import EXACT, Evaluation
from modelhub.dlv.evaluate_scores import Predictions, Tally, margins
from modelhub.dlv.ladders import Calibration
from modelhub.dlv.prefixes import Prefixes
from modelhub.net import module as modules
from modelhub.net.graph import Network
from modelhub.optional import require
from modelhub.progressive.audit import CONFIDENCE, upper_bound
from modelhub.progressive.ladder import estimate_schedule
from modelhub.report import human

__all__ = ["estimate"]

# Up to so many inputs go one by one: torch takes seconds to get ready for more at once.
_ALONE_MAX = 1000

Array = npt.NDArray[Any]

_ESTIMATED = "estimated"
# The least float32: shares of a softmax that underflow have a logarithm, too.
_LEAST = 2.0**-149


@dataclass(frozen=True, slots=True)
class _Middle:
    """A module of the middles of all boxes, and the variances of those that are open."""

    module: Any
    spans: Mapping[str, Any]

    @property
    def is_exact(self) -> bool:
        return not self.spans


def estimate(job: Job) -> Evaluation:
    """Evaluate one version by leading bytes alone; raises what an exact evaluation does."""
    begun = time.perf_counter()
    with closing(job.open()) as source:
        fit = job.fit(source)
        classes = tuple(source.classes)
    prefixes = Prefixes(job.repo, job.tree)
    bounds = job.bounds(prefixes, fit)
    calibration = calibration_for(job, bounds.steps())
    schedule = (
        estimate_schedule(job.network, bounds.steps())
        if calibration is None
        else calibration.estimate.schedule
    )
    prefixes.read(schedule)
    middle = _middle(job.network, bounds, prefixes, job.device)
    nbytes = prefixes.bytes_read
    inputs = job.inputs(fit)
    known = _audited(job, bounds, inputs)

    def run(batch: Batch) -> Array:
        data = str(job.data)
        return running.run(middle.module, batch.inputs, fit, job.device, job.name, data)

    found = _Estimates(job, inputs, known)
    for batch in inputs.batches(np.ones(fit.count, bool)):
        outputs = run(batch)
        found.add(batch, outputs, _scores(job, middle, batch, outputs, fit))
        job.step(int(batch.rows[-1]) + 1)
    word = EXACT if middle.is_exact else _ESTIMATED
    status = np.full(fit.count, word, "<U9")
    status[list(known)] = EXACT
    bytes_at = np.full(fit.count, nbytes, np.int64)
    bytes_at[list(known)] = prefixes.bytes_read
    audit = _audit(found.misses, len(known), calibration, job)
    return job.evaluation(
        begun,
        fit.labels is not None,
        found.tally.scores(classes),
        Predictions(found.label, found.margin, status, bytes_at, {"score": found.score}),
        read=(prefixes.bytes_read, prefixes.bytes_full),
        shares={word: float((status == word).mean()), EXACT: float((status == EXACT).mean())},
        facts={
            "estimate_bytes": nbytes,
            "audit": audit,
            "score_least": _least(found.score[status == _ESTIMATED]),
            "scores_below_3": int((found.score[status == _ESTIMATED] < 3.0).sum()),
        },
        notes=_notes(middle.is_exact, audit),
    )


class _Estimates:
    """Adds up answers, those of the audit in the place of their estimates."""

    def __init__(self, job: Job, inputs: Inputs, known: Mapping[int, tuple[Array, Array]]) -> None:
        self._job, self._inputs, self._known = job, inputs, known
        self._tally: Tally | None = None
        self.label = np.full(inputs.count, -1, np.int64)
        self.margin = np.full(inputs.count, np.nan)
        self.score = np.full(inputs.count, np.nan)
        self.misses = 0

    @property
    def tally(self) -> Tally:
        """What was added up, once there was a batch."""
        assert self._tally is not None
        return self._tally

    def add(self, batch: Batch, outputs: Array, scores: Array) -> None:
        """Take the outputs (B, C) of a batch, and the score of each margin (B,)."""
        rows, labels = batch.rows, self._inputs.labels
        if self._tally is None:
            options, form = self._job.options, self._job.form
            self._tally = Tally(outputs.shape[1], options.top, form, labels is not None)
        self._inputs.check_labels(rows, outputs.shape[1])
        values = outputs.copy()
        for place, row in enumerate(rows.tolist()):
            if row in self._known:
                exact, ended = self._known[row]
                self.misses += int(exact.argmax() != outputs[place].argmax())
                values[place], outputs[place] = exact, ended
        found = self._tally.add(outputs, None if labels is None else labels[rows], values)
        self.label[rows], self.score[rows] = found.label, scores
        # Of all in one unit: of estimates nothing is known but the outputs.
        self.margin[rows] = margins(outputs)


def _middle(network: Network, bounds: Bounds, prefixes: Prefixes, device: str) -> _Middle:
    torch: Any = require("torch", "torch")
    sensitivity: Any = require("modelhub.progressive.sensitivity", "torch")
    values = {own: prefixes.values(name) for own, name in bounds.names.items()}
    spans = {}
    for tensor in network.tensors:
        if tensor.tied or tensor.role == "constant":
            continue
        lo, hi = prefixes.box(bounds.names[tensor.name])
        if lo is not hi:
            ends = (torch.from_numpy(np.array(end)).to(device) for end in (lo, hi))
            spans[tensor.name] = sensitivity.variances(*ends)
    return _Middle(modules.build(network, values).to(device), spans)


def _audited(job: Job, bounds: Bounds, inputs: Inputs) -> dict[int, tuple[Array, Array]]:
    """Return values and outputs of random inputs by their numbers, with all weights."""
    count = min(job.options.audit, inputs.count)
    if not count:
        return {}
    wanted = np.zeros(inputs.count, bool)
    wanted[np.random.default_rng(job.options.seed).permutation(inputs.count)[:count]] = True
    found: dict[int, tuple[Array, Array]] = {}
    # Other examples than these are wanted afterwards.
    for batch in job.inputs(inputs.fit).batches(wanted):
        answers: Answers = bounds.evaluate(batch.inputs)
        found |= dict(
            zip(batch.rows.tolist(), zip(answers.values, answers.outputs, strict=True), strict=True)
        )
    return found


def _scores(job: Job, middle: _Middle, batch: Batch, outputs: Array, fit: Fit) -> Array:
    """Return each margin in units of its deviation; infinite where nothing is open."""
    if middle.is_exact:
        return np.full(len(outputs), np.inf)
    # A network of a fixed batch has no derivative for one input alone.
    if fit.batch not in (None, 1):
        return np.full(len(outputs), np.nan)
    torch: Any = require("torch", "torch")
    sensitivity: Any = require("modelhub.progressive.sensitivity", "torch")
    made = _answer(torch, job)
    given = {
        name: running.tensor_of(torch, array, job.network.inputs[name].dtype, job.device)
        for name, array in batch.inputs.items()
    }
    order = np.argsort(-outputs, axis=1, kind="stable")[:, :2]
    pairs = torch.from_numpy(order.copy()).to(job.device)
    deviation = sensitivity.deviations(
        middle.module, middle.spans, given, pairs, made, batched=fit.count > _ALONE_MAX
    )
    values = np.log(np.maximum(outputs, _LEAST)) if job.form == "probabilities" else outputs
    two = np.take_along_axis(values, order, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((two[:, 0] - two[:, 1]) / deviation.cpu().numpy())


def _answer(torch: Any, job: Job) -> Callable[[Any], Any]:
    """Return what makes comparable values of a module's result: logarithms of probabilities."""

    def made(result: Any) -> Any:
        values = running.scores_of(torch, result, 1, job.name)
        return values.clamp(min=_LEAST).log() if job.form == "probabilities" else values

    return made


def _audit(misses: int, count: int, calibration: Calibration | None, job: Job) -> dict[str, Any]:
    """Return what is known of how often estimates are wrong, and from where."""
    source, data = "here", job.facts.name
    if not count and calibration is not None:
        count, misses = calibration.estimate.n, calibration.estimate.misses
        source, data = "calibration", calibration.data
    if not count:
        return {"source": None, "n": 0, "misses": None, "upper_bound": None}
    return {
        "source": source,
        "data": data,
        "n": count,
        "misses": misses,
        "upper_bound": upper_bound(misses, count),
        "confidence": CONFIDENCE,
    }


def _notes(is_exact: bool, audit: Mapping[str, Any]) -> tuple[str, ...]:
    if is_exact:
        return ("all weights were read: fewer bytes would say too little of them",)
    if audit["source"] is None:
        return (
            "an estimate that was not audited: how often it is wrong is not known; --audit 300 "
            "evaluates so many examples with all weights too",
        )
    wrong = human.share(audit["upper_bound"])
    where = "of these examples" if audit["source"] == "here" else f"of {audit['data']}"
    return (
        f"an estimate: {audit['misses']} of {audit['n']} audited answers {where} differ from those "
        f"of all weights; with 95% confidence at most {wrong} of such answers do",
    )


def _least(scores: Array) -> float | None:
    known = scores[~np.isnan(scores)]
    return float(known.min()) if known.size else None
