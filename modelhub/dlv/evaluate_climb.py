"""Climb a ladder: decide what the bytes read so far prove, and read more for the rest.

An input is *decided* once its answer is proved, or once all weights were read for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub.dlv.evaluate_bounds import Bounds
from modelhub.dlv.evaluate_inputs import Inputs
from modelhub.dlv.evaluate_options import STATUSES
from modelhub.dlv.evaluate_scores import Predictions, Scores, Tally
from modelhub.dlv.prefixes import Prefixes

__all__ = ["Climb", "Passed", "Rules"]

Array = npt.NDArray[Any]

_CERTIFIED, _TIE, _ESTIMATED, _EXACT = range(len(STATUSES))
_UNDECIDED = -1


@dataclass(frozen=True, slots=True)
class Rules:
    """When an answer is decided.

    Attributes:
        guard: Margins up to it are ties.
        k: Of the top-k set.
        sets: The top-k set must be proved too.
        form: What outputs are, one of `evaluate_scores.FORMS`.
    """

    guard: float
    k: int
    sets: bool
    form: str


@dataclass(frozen=True, slots=True)
class Passed:
    """What one rung did: bytes read up to it, inputs bounded and what became of them, seconds."""

    nbytes: int
    inputs: int
    certified: int
    tie: int
    fetching_seconds: float
    bounding_seconds: float


class Climb:
    """The answers of one version to a data set, as far as they are decided.

    Args:
        step: Told how many inputs are decided.

    Attributes:
        passed: The rungs that were climbed.
        no_bounds: Why none was, or no further one; None if there is no such reason.
    """

    def __init__(
        self,
        bounds: Bounds,
        prefixes: Prefixes,
        inputs: Inputs,
        rules: Rules,
        step: Callable[[int], None],
    ) -> None:
        self._bounds, self._prefixes, self._inputs = bounds, prefixes, inputs
        self._rules, self._step = rules, step
        count = inputs.count
        self._label = np.full(count, -1, np.int64)
        self._status = np.full(count, _UNDECIDED, np.int8)
        self._margin = np.full(count, np.nan)
        self._nbytes = np.zeros(count, np.int64)
        self._set_margin = np.full(count, -np.inf)
        self._places: Array | None = None
        self._classes = 0
        self._tally: Tally | None = None
        self.passed: list[Passed] = []
        self.no_bounds: Mapping[str, str] | None = None
        self.exact_seconds = 0.0

    @property
    def count(self) -> int:
        """How many inputs there are."""
        return self._inputs.count

    @property
    def undecided(self) -> int:
        """How many inputs are not decided."""
        return int((self._status == _UNDECIDED).sum())

    def rung(self, schedule: Mapping[str, int]) -> Passed:
        """Read what a schedule asks for, and decide what that proves.

        Raises:
            NoBoundsError: no bounds are known for the network.
        """
        begun = time.perf_counter()
        self._bounds.take(schedule)
        fetched, read = time.perf_counter(), self._prefixes.bytes_read
        before = self._counts()
        for batch in self._inputs.batches(self._status == _UNDECIDED):
            found = self._bounds.decide(batch.inputs, self._rules.k)
            self._classes = found.classes
            self._inputs.check_labels(batch.rows, found.classes)
            if self._places is None:
                self._places = np.full((self._inputs.count, found.places.shape[1]), -1, np.int64)
            # A set that holds all classes is proved by itself; the label must be in any case.
            least = np.minimum(found.margin, found.set_margin) if self._rules.sets else found.margin
            proved = least > 0.0
            rows = batch.rows[proved]
            self._label[rows] = found.label[proved]
            self._margin[rows] = found.margin[proved]
            self._set_margin[rows] = found.set_margin[proved]
            self._places[rows] = found.places[proved]
            self._nbytes[rows] = read
            self._status[rows] = np.where(least[proved] > self._rules.guard, _CERTIFIED, _TIE)
            self._step(self._inputs.count - self.undecided)
        after = self._counts()
        one = Passed(
            nbytes=read,
            inputs=before[_UNDECIDED],
            certified=after[_CERTIFIED] - before[_CERTIFIED],
            tie=after[_TIE] - before[_TIE],
            fetching_seconds=fetched - begun,
            bounding_seconds=time.perf_counter() - fetched,
        )
        self.passed.append(one)
        return one

    def rest(self, wanted: Array | None = None) -> None:
        """Evaluate exactly what is undecided, or what is wanted (bool, (N,)), with all weights.

        Raises:
            BadInputError: torch refuses, or the outputs are no classes.
        """
        wanted = self._status == _UNDECIDED if wanted is None else wanted
        if not wanted.any():
            return
        begun = time.perf_counter()
        for batch in self._inputs.batches(wanted):
            found = self._bounds.evaluate(batch.inputs)
            rows = batch.rows
            if self._tally is None:
                self._classes = found.values.shape[1]
                labelled = self._inputs.labels is not None
                self._tally = Tally(self._classes, self._rules.k, self._rules.form, labelled)
            self._inputs.check_labels(rows, self._classes)
            told = self._tally.add(found.outputs, self._labels(rows), found.values)
            self._label[rows], self._margin[rows] = told.label, told.margin
            self._status[rows] = _EXACT
            self._nbytes[rows] = self._prefixes.bytes_read
            self._exact_sets(rows, found.values)
            self._step(self._inputs.count - self.undecided)
        self.exact_seconds += time.perf_counter() - begun

    def _exact_sets(self, rows: Array, values: Array) -> None:
        k = min(self._rules.k, values.shape[1])
        if self._places is None:
            self._places = np.full((self._inputs.count, k), -1, np.int64)
        order = np.argsort(-values, axis=1, kind="stable")
        self._places[rows] = order[:, :k]
        if k == values.shape[1]:
            self._set_margin[rows] = np.inf
            return
        ordered = np.take_along_axis(values, order, axis=1)
        with np.errstate(invalid="ignore"):
            self._set_margin[rows] = ordered[:, k - 1] - ordered[:, k]

    def _labels(self, rows: Array) -> Array | None:
        return None if self._inputs.labels is None else self._inputs.labels[rows]

    def _counts(self) -> dict[int, int]:
        codes = (_UNDECIDED, _CERTIFIED, _TIE, _ESTIMATED, _EXACT)
        return {code: int((self._status == code).sum()) for code in codes}

    def share(self, status: str) -> float:
        """Return the share of all inputs with a status, one of `STATUSES`."""
        return float((self._status == STATUSES.index(status)).mean())

    def topk_unknown(self) -> int:
        """Return how many labels are neither known to be in the top-k set nor to be outside."""
        return int((~self._near()[1]).sum())

    def certified_sets(self) -> float:
        """Return the share of inputs whose top-k set is proved with a margin above the guard."""
        proved = (self._status == _CERTIFIED) | (self._status == _TIE)
        return float((proved & (self._set_margin > self._rules.guard)).mean())

    def _near(self) -> tuple[Array, Array]:
        """Return whether each label is in the top-k set, and whether that is known."""
        labels = self._inputs.labels
        if labels is None or self._places is None:
            return np.zeros(self._inputs.count, bool), np.ones(self._inputs.count, bool)
        right = labels == self._label
        inside = (self._places == labels[:, None]).any(axis=1)
        known = right | (self._set_margin > 0.0) | (self._status == _EXACT)
        return right | inside, known

    def scores(self, names: tuple[str, ...]) -> Scores:
        """Return the scores of all inputs, which must be decided.

        Args:
            names: Of the classes.
        """
        labels = self._inputs.labels
        tally = self._tally or Tally(
            self._classes, self._rules.k, self._rules.form, labels is not None
        )
        proved = self._status != _EXACT
        if proved.any():
            near, known = self._near()
            tally.add_answers(
                self._label[proved],
                self._labels(np.flatnonzero(proved)),
                near[proved] if known.all() else None,
            )
        return tally.scores(names)

    def predictions(self) -> Predictions:
        """Return what is known of each input."""
        more = {} if self._places is None else {"topk": self._places}
        return Predictions(
            self._label,
            self._margin,
            np.array(STATUSES)[self._status],
            self._nbytes,
            {**more, "topk_margin": self._set_margin},
        )
