"""Define what every reader of data sets offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import numpy.typing as npt

from modelhub.errors import BadInputError

__all__ = ["LABELS", "Array", "Column", "Source", "label_column", "refuse"]

Array = npt.NDArray[Any]

# Names of the column of labels; the first that is there counts.
LABELS = ("y", "label", "labels")


@dataclass(frozen=True, slots=True)
class Column:
    """An array of a data set: `count` examples, each of this shape; `dtype` by our names."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    count: int


class Source(Protocol):
    """An open data set."""

    @property
    def where(self) -> str:
        """Its path, for messages."""

    @property
    def kind(self) -> str:
        """`npz`, `safetensors`, `parquet` or `images`."""

    @property
    def columns(self) -> Mapping[str, Column]:
        """Its columns by name; what cannot be a column is not there."""

    @property
    def classes(self) -> Sequence[str]:
        """The names of classes, where the data set has names for them."""

    def rows(self, names: Sequence[str], size: int) -> Iterator[Mapping[str, Array]]:
        """Yield the examples in order, `size` at a time (fewer at the end).

        Args:
            names: The columns to read, all of one count; others are not read.

        Raises:
            BadInputError: the data is damaged, or an example is not like the first.
        """

    def close(self) -> None:
        """Close the files."""


def label_column(source: Source, inputs: Sequence[str]) -> Column | None:
    """Return the column of labels; None where the data set has none.

    Args:
        inputs: Names of the network's inputs, which are no labels whatever they are called.

    Raises:
        BadInputError: it is there and holds no whole number for each example.
    """
    there = [name for name in LABELS if name in source.columns and name not in inputs]
    if not there:
        return None
    column = source.columns[there[0]]
    if column.shape or not column.dtype.lstrip("u").startswith("int"):
        refuse(
            source,
            f"{column.name} is {column.dtype} of shape {(column.count, *column.shape)}",
            "labels as whole numbers of shape (N,)",
            "bad_shape" if column.shape else "bad_dtype",
        )
    return column


def refuse(source: Source, found: str, expected: str, kind: str, hint: str = "") -> NoReturn:
    """Raise BadInputError about a data set."""
    raise BadInputError(found, expected=expected, where=source.where, kind=kind, hint=hint)
