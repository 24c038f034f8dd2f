"""Go through the examples of a data set again and again, each time through fewer of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub.data import Fit, Source
from modelhub.errors import BadInputError
from modelhub.tensors.dtypes import by_name

__all__ = ["HELD_BYTES_MAX", "Batch", "Inputs", "label_beyond"]

# Examples that are still wanted stay in memory once they take no more than this; until then the
# data is read again for each pass.
HELD_BYTES_MAX = 256 << 20

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some examples: their numbers (B,), and what each input of the network gets (B, ...)."""

    rows: Array
    inputs: Mapping[str, Array]


class Inputs:
    """The examples of a data set.

    Args:
        opened: Opens the data set; it is closed here.
        size: Examples of a batch.
        where: The data set, for messages.
        held_bytes_max: `HELD_BYTES_MAX` by default.

    Attributes:
        fit: How the data set feeds the network.
        labels: int64 (N,) once all rows have been gone through; None without labels.
    """

    def __init__(
        self,
        opened: Callable[[], Source],
        fit: Fit,
        size: int,
        where: str,
        held_bytes_max: int | None = None,
    ) -> None:
        self._opened, self.fit, self._size = opened, fit, size
        self._most = HELD_BYTES_MAX if held_bytes_max is None else held_bytes_max
        self._where = where
        self._held: list[Batch] | None = None
        self.count = fit.count
        self.labels = np.full(fit.count, -1, np.int64) if fit.labels else None

    def batches(self, wanted: Array) -> Iterator[Batch]:
        """Yield the wanted examples in order.

        Args:
            wanted: bool (N,); from pass to pass no other ones than before, if it was not all.

        Raises:
            BadInputError: the data is damaged.
        """
        held = self._held
        if held is None and int(wanted.sum()) * self._example_bytes() <= self._most:
            held = self._held = list(self._packed(self._chosen(self._all(), wanted)))
        parts = self._all() if held is None else iter(held)
        yield from self._packed(self._chosen(parts, wanted))

    def check_labels(self, rows: Array, classes: int) -> None:
        """Check the labels of some rows that were gone through.

        Raises:
            BadInputError: one is beyond the classes.
        """
        if self.labels is None:
            return
        wrong = rows[(self.labels[rows] < 0) | (self.labels[rows] >= classes)]
        if wrong.size:
            raise label_beyond(int(wrong[0]), int(self.labels[wrong[0]]), classes, self._where)

    def _example_bytes(self) -> int:
        # Inputs are at most 8 bytes a value once they are prepared.
        columns = self.fit.columns.values()
        return sum(math.prod(c.shape) * max(8, by_name(c.dtype).itemsize) for c in columns)

    def _all(self) -> Iterator[Batch]:
        """Yield all examples as they are read."""
        begin = 0
        with closing(self._opened()) as source:
            for rows in source.rows(self.fit.names, self._size):
                inputs = self.fit.inputs(source, rows)
                end = begin + len(next(iter(inputs.values())))
                if self.labels is not None and self.fit.labels is not None:
                    self.labels[begin:end] = rows[self.fit.labels.name].astype(np.int64)
                yield Batch(np.arange(begin, end), inputs)
                begin = end

    @staticmethod
    def _chosen(parts: Iterator[Batch], wanted: Array) -> Iterator[Batch]:
        for part in parts:
            keep = wanted[part.rows]
            if keep.all():
                yield part
            elif keep.any():
                yield Batch(part.rows[keep], {n: a[keep] for n, a in part.inputs.items()})

    def _packed(self, parts: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches of the full size, made of smaller ones."""
        waiting: list[Batch] = []
        for part in parts:
            waiting.append(part)
            if sum(len(one.rows) for one in waiting) >= self._size:
                whole = _joined(waiting)
                yield Batch(
                    whole.rows[: self._size],
                    {n: a[: self._size] for n, a in whole.inputs.items()},
                )
                rest = Batch(
                    whole.rows[self._size :],
                    {n: a[self._size :] for n, a in whole.inputs.items()},
                )
                waiting = [rest] if len(rest.rows) else []
        if waiting:
            yield _joined(waiting)


def label_beyond(row: int, label: int, classes: int, where: str) -> BadInputError:
    """Return the error about a label that is none of a network's classes."""
    return BadInputError(
        f"example {row} has the label {label}",
        expected=f"0 to {classes - 1}, the network's {classes} classes",
        where=where,
    )


def _joined(parts: list[Batch]) -> Batch:
    if len(parts) == 1:
        return parts[0]
    return Batch(
        np.concatenate([part.rows for part in parts]),
        {name: np.concatenate([part.inputs[name] for part in parts]) for name in parts[0].inputs},
    )
