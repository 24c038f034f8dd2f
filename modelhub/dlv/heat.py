"""Reduce a tensor to a small table that shows where its values are large.

A tensor is seen as a matrix: its first dimension, and all others together (a vector is one row).
Each cell is the root of the mean square of the values in it; a cell with a value that is not finite
is NaN. Blocks of rows are taken one by one, so that memory stays bounded.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["COLUMNS_MAX", "ROWS_MAX", "Heat"]

ROWS_MAX = 8
COLUMNS_MAX = 64

Array = np.ndarray[Any, np.dtype[Any]]


class Heat:
    """Takes blocks of rows of one tensor; `cells` gives the table so far."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        rows = shape[0] if len(shape) > 1 else 1
        columns = math.prod(shape[1:] if len(shape) > 1 else shape)
        self._rows, self._columns, self._vector = rows, columns, len(shape) < 2
        height, width = min(rows, ROWS_MAX), min(columns, COLUMNS_MAX)
        self._sums = np.zeros((height, width))
        # Where each cell begins: the first column that falls into it.
        self._begins = -(-np.arange(width) * columns // max(width, 1))

    def add(self, block: Array, begin: int = 0) -> None:
        """Take the rows from `begin` on: those of the first dimension, of a vector its values."""
        if not self._sums.size:
            return
        values = np.abs(block) if block.dtype.kind == "c" else block
        if self._vector:
            flat = values.reshape(-1).astype(np.float64)
            width = self._sums.shape[1]
            numbers = np.arange(begin, begin + flat.size) * width // self._columns
            with np.errstate(all="ignore"):
                self._sums[0] += np.bincount(numbers, flat * flat, minlength=width)
            return
        matrix = values.reshape(-1, self._columns).astype(np.float64)
        with np.errstate(all="ignore"):
            # What is not finite spoils its cell, which is then told from the others.
            sums = np.add.reduceat(matrix * matrix, self._begins, axis=1)
        numbers = np.arange(begin, begin + len(matrix)) * len(self._sums) // self._rows
        with np.errstate(all="ignore"):
            np.add.at(self._sums, numbers, sums)

    def cells(self) -> list[list[float]]:
        """Return the table, row by row; empty for a tensor without values."""
        height, width = self._sums.shape
        if not height or not width:
            return []
        tall = np.bincount(np.arange(self._rows) * height // self._rows, minlength=height)
        wide = np.diff([*self._begins, self._columns])
        with np.errstate(all="ignore"):
            means = np.sqrt(self._sums / (tall[:, None] * wide[None, :]))
        means[~np.isfinite(means)] = math.nan
        return [[float(cell) for cell in row] for row in means]
