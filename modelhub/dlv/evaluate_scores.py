"""Score outputs of a classifier against labels: accuracy, top-k, loss, confusion, classes.

The *answer* is the class with the largest output, the first of equal ones. The *margin* is how far
it is above the next one, in the outputs' own unit. All sums are in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "CONFUSION_CLASSES_MAX",
    "FORMS",
    "ClassScore",
    "Predictions",
    "Scores",
    "Tally",
    "margins",
]

# What outputs are: the loss follows from it, and nothing else does.
FORMS = ("logits", "log-probabilities", "probabilities")

# The matrix takes 8 bytes for each pair of classes: 8 MB for so many.
CONFUSION_CLASSES_MAX = 1024

# The answer where an output is no number.
_NO_ANSWER = -1

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class: `support` examples are of it, `answers` were answered so; None without any."""

    name: str
    precision: float | None
    recall: float | None
    support: int
    answers: int


@dataclass(frozen=True, slots=True)
class Predictions:
    """The answer (-1 where an output is no number) and margin of each example.

    Attributes:
        status: Text for each example, one of `evaluate_options.STATUSES`; None if all are exact.
        nbytes: Compressed bytes read when it was decided; None if all were.
        more: Further arrays for each example by name, such as `topk`.
    """

    label: Array
    margin: Array
    status: Array | None = None
    nbytes: Array | None = None
    more: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scores:
    """What became of `n` examples; without labels, accuracy and loss are None.

    Attributes:
        topk: The share of examples whose label is among the `k` largest outputs; None where that is
            not known of each example.
        loss: The mean cross-entropy; None where not all outputs are known.
        not_numbers: Examples with an output that is no number; they count as wrong.
        classes: The scores of each class.
        confusion: Examples by label (rows) and answer (columns); None for too many classes.
    """

    n: int
    class_count: int
    k: int
    top1: float | None
    topk: float | None
    loss: float | None
    not_numbers: int
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...] | None


class Tally:
    """Adds up batches of outputs.

    Args:
        classes: How many there are.
        k: Of top-k; more than there are classes means all.
        form: What outputs are, one of `FORMS`.
        labelled: Whether `add` is given labels.
    """

    def __init__(self, classes: int, k: int, form: str, labelled: bool) -> None:
        self._classes, self._k, self._form = classes, min(k, classes), form
        self._labelled = labelled
        self._n = self._right = self._near = self._not_numbers = 0
        self._loss = 0.0
        self._near_known = self._loss_known = True
        self._by_class = np.zeros((3, classes), np.int64)
        self._confusion = (
            np.zeros((classes, classes), np.int64) if classes <= CONFUSION_CLASSES_MAX else None
        )

    def add(self, outputs: Array, labels: Array | None, values: Array | None = None) -> Predictions:
        """Take a batch.

        Args:
            outputs: float64 (B, classes).
            labels: int64 (B,), from 0 to classes - 1.
            values: float64 (B, classes), in whose order the classes stand: the values before a
                softmax at the end, which may make different ones equal; the outputs by default.
        """
        values = outputs if values is None else values
        bad = np.isnan(values).any(axis=1)
        answers = np.where(bad, _NO_ANSWER, values.argmax(axis=1))
        self._n += len(outputs)
        self._not_numbers += int(bad.sum())
        if labels is not None:
            self._score(outputs, labels, answers, values)
        return Predictions(answers.astype(np.int64), margins(values))

    def add_answers(self, answers: Array, labels: Array | None, near: Array | None) -> None:
        """Take answers whose outputs are not known: then the loss is not known either.

        Args:
            answers: int64 (B,), -1 for none.
            labels: int64 (B,), or None.
            near: Whether the label is among the k largest outputs, bool (B,); None if it is not
                known of each one.
        """
        self._n += len(answers)
        self._not_numbers += int((answers < 0).sum())
        self._loss_known = False
        if labels is None:
            return
        if near is None:
            self._near_known = False
        else:
            self._near += int((near & (answers >= 0)).sum())
        self._count(answers, labels)

    def _score(self, outputs: Array, labels: Array, answers: Array, values: Array) -> None:
        own = np.take_along_axis(outputs, labels[:, None], axis=1)
        value = np.take_along_axis(values, labels[:, None], axis=1)
        # Equal values stand in the order of their classes, as for the answer.
        before = np.arange(self._classes)[None, :] < labels[:, None]
        rank = ((values > value) | ((values == value) & before)).sum(axis=1)
        self._near += int(((answers >= 0) & (rank < self._k)).sum())
        self._loss += float(_losses(outputs, own[:, 0], self._form).sum())
        self._count(answers, labels)

    def _count(self, answers: Array, labels: Array) -> None:
        right = answers == labels
        answered = answers >= 0
        self._right += int(right.sum())
        for row, chosen in enumerate((labels, answers[answered], labels[right])):
            self._by_class[row] += np.bincount(chosen, minlength=self._classes)
        if self._confusion is not None:
            pairs = labels[answered] * self._classes + answers[answered]
            counts = np.bincount(pairs, minlength=self._classes**2)
            self._confusion += counts.reshape(self._classes, self._classes)

    def scores(self, names: tuple[str, ...] = ()) -> Scores:
        """Return what was added up.

        Args:
            names: Of the classes; numbers stand for those without one.
        """
        told = self._labelled and self._n > 0
        classes = [
            ClassScore(
                names[index] if index < len(names) else str(index),
                right / answers if answers else None,
                right / support if support else None,
                support,
                answers,
            )
            for index, (support, answers, right) in enumerate(self._by_class.T.tolist())
        ]
        matrix = None if self._confusion is None else self._confusion.tolist()
        return Scores(
            n=self._n,
            class_count=self._classes,
            k=self._k,
            top1=self._right / self._n if told else None,
            topk=self._near / self._n if told and self._near_known else None,
            loss=self._loss / self._n if told and self._loss_known else None,
            not_numbers=self._not_numbers,
            classes=tuple(classes) if told else (),
            confusion=tuple(map(tuple, matrix)) if told and matrix is not None else None,
        )


def margins(values: Array) -> Array:
    """Return by how much the largest of each row (B, classes) is above the next one, float64."""
    two = np.partition(values, -2, axis=1)[:, -2:]
    with np.errstate(invalid="ignore"):
        return np.asarray(two[:, 1] - two[:, 0])


def _losses(outputs: Array, own: Array, form: str) -> Array:
    """Return the cross-entropy of each example; `own` are the outputs of the labels."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if form == "probabilities":
            losses = -np.log(own)
        elif form == "log-probabilities":
            losses = -own
        else:
            top = outputs.max(axis=1)
            sums = np.exp(outputs - top[:, None]).sum(axis=1)
            losses = top + np.log(sums) - own
    return np.asarray(losses, np.float64)
