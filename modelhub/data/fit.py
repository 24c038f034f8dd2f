"""Fit the columns of a data set to the inputs of a network, and prepare their values.

Columns go to inputs by name; `x` goes to a network's only input, whatever that is called. A value
is cast where its meaning stays: float to float, whole number to whole number, truth value to whole
number. Whole numbers become floats only on request, by a number to divide them by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelhub.data.columns import Array, Column, Source, label_column, refuse
from modelhub.errors import UsageError
from modelhub.net.graph import Network, Value

__all__ = ["Fit", "Preparation", "fit", "image_shape"]

_X = "x"


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done to values of inputs that are floats, in this order.

    Attributes:
        divide_by: Divides whole numbers, such as 255 for images; None refuses them.
        mean, std: Subtracted, and divided by, for each channel (the first dimension of an example),
            or one for all; empty for none.
    """

    divide_by: float | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """How a data set feeds a network.

    Attributes:
        count: The number of examples.
        columns: The column of each input, by the input's name.
        labels: The column of labels, or None.
        batch: The batch size that the network is fixed to; None if it is free.
    """

    count: int
    columns: Mapping[str, Column]
    values: Mapping[str, Value]
    labels: Column | None
    batch: int | None
    preparation: Preparation

    @property
    def names(self) -> list[str]:
        """The columns to read."""
        names = [column.name for column in self.columns.values()]
        return names + ([self.labels.name] if self.labels else [])

    def inputs(self, source: Source, batch: Mapping[str, Array]) -> dict[str, Array]:
        """Return what the inputs get for a batch of rows.

        Floats are float64 for an input that is, else float32, to be cast on; whole numbers are
        int64.

        Raises:
            BadInputError: a whole number is out of the input's range.
        """
        return {
            name: _prepared(source, column, self.values[name], batch[column.name], self.preparation)
            for name, column in self.columns.items()
        }


def image_shape(
    network: Network, size: tuple[int, int] | None = None
) -> tuple[int, int, int] | None:
    """Return channels, height and width of a network's only input; None if it takes no images.

    Args:
        size: Height and width, where the network leaves them free.
    """
    if len(network.inputs) != 1:
        return None
    shape = next(iter(network.inputs.values())).shape
    if len(shape) != 4:
        return None
    found = [
        side if isinstance(side, int) else wanted
        for side, wanted in zip(shape[1:], (0, *(size or (0, 0))), strict=True)
    ]
    if size is not None and tuple(found[1:]) != size:
        raise UsageError(
            f"images of {size[0]}x{size[1]}", expected=f"{found[1]}x{found[2]}, the network's size"
        )
    return (found[0], found[1], found[2]) if all(found) else None


def fit(network: Network, source: Source, preparation: Preparation) -> Fit:
    """Find the column of each input, and check shapes and dtypes before anything is read.

    Raises:
        BadInputError: kind `bad_shape` or `bad_dtype`, a column does not fit, with both shapes or
            dtypes in the text; or an input has no column.
    """
    columns = _columns(network, source)
    labels = label_column(source, list(columns))
    used = [*columns.values(), *([labels] if labels else [])]
    counts = {column.name: column.count for column in used}
    if len(set(counts.values())) != 1:
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        refuse(source, f"columns of several lengths: {told}", "one length", "bad_shape")
    if used[0].count == 0:
        refuse(source, "no examples", "one or more", "bad_input")
    sizes: dict[str, int] = {}
    batches: set[int] = set()
    for name, column in columns.items():
        _check_shape(source, name, column, network.inputs[name], sizes, batches)
        _check_dtype(source, name, column, network.inputs[name], preparation)
    if len(batches) > 1:
        refuse(source, f"inputs of several batch sizes {sorted(batches)}", "one", "bad_shape")
    batch = batches.pop() if batches else None
    return Fit(used[0].count, columns, dict(network.inputs), labels, batch, preparation)


def _columns(network: Network, source: Source) -> dict[str, Column]:
    names = list(network.inputs)
    there = source.columns
    if len(names) == 1 and names[0] not in there and _X in there:
        return {names[0]: there[_X]}
    missing = [name for name in names if name not in there]
    if missing or not names:
        wanted = ", ".join(names) or "(none)"
        also = " (or x)" if len(names) == 1 else ""
        refuse(
            source,
            f"columns {', '.join(there) or '(none)'}; none for the input {missing[0]}"
            if missing
            else "a network without inputs",
            f"a column for each input of the network: {wanted}{also}",
            "bad_input",
        )
    return {name: there[name] for name in names}


def _shape_text(shape: Sequence[int | str]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _check_shape(
    source: Source,
    name: str,
    column: Column,
    value: Value,
    sizes: dict[str, int],
    batches: set[int],
) -> None:
    """Compare shapes; `sizes` holds the free sizes met so far, `batches` fixed first dimensions."""
    wanted = value.shape
    fits = len(wanted) == 1 + len(column.shape)
    if fits and isinstance(wanted[0], int):
        batches.add(wanted[0])
    for side, there in zip(wanted[1:], column.shape, strict=False):
        if isinstance(side, str):
            # An expression over sizes is left to the run: torch says when it does not hold.
            fits &= not side.isidentifier() or sizes.setdefault(side, there) == there
        else:
            fits &= side == there
    if not fits:
        refuse(
            source,
            f"{column.name} has the shape {_shape_text((column.count, *column.shape))}",
            f"{_shape_text(('N', *wanted[1:]) if wanted else ())}, the network's input {name}",
            "bad_shape",
        )


def _check_dtype(
    source: Source, name: str, column: Column, value: Value, preparation: Preparation
) -> None:
    have, want = _sort(column.dtype), _sort(value.dtype)
    if want == "other" or have == "other" or value.dtype == "int":
        allowed = False
    elif want == "float":
        allowed = have == "float" or preparation.divide_by is not None
    else:
        allowed = have in ("whole", "truth")
    if not allowed:
        whole = want == "float" and have in ("whole", "truth")
        refuse(
            source,
            f"{column.name} is {column.dtype}",
            f"{value.dtype}, the network's input {name}",
            "bad_dtype",
            "give the number that they are to be divided by, --divide-by 255 for images of 8 bits "
            "or 1 for the values as they are"
            if whole
            else "",
        )


def _sort(dtype: str) -> str:
    if dtype == "bool":
        return "truth"
    if dtype.startswith(("float", "bfloat")):
        return "float"
    return "whole" if dtype.lstrip("u").startswith("int") else "other"


def _prepared(
    source: Source, column: Column, value: Value, array: Array, preparation: Preparation
) -> Array:
    want = _sort(value.dtype)
    if want != "float":
        return _whole(source, column, value, array)
    made = array.astype(np.float64 if value.dtype == "float64" else np.float32)
    if _sort(column.dtype) != "float" and preparation.divide_by is not None:
        np.divide(made, made.dtype.type(preparation.divide_by), out=made)
    for numbers, operation in ((preparation.mean, np.subtract), (preparation.std, np.divide)):
        if numbers:
            operation(made, _per_channel(source, column, numbers, made), out=made)
    return made


def _per_channel(source: Source, column: Column, numbers: Sequence[float], made: Array) -> Array:
    channels = made.shape[1] if made.ndim > 1 else 1
    if len(numbers) not in (1, channels):
        refuse(
            source,
            f"{len(numbers)} means or deviations for {column.name} of {channels} channels",
            f"1 or {channels}",
            "bad_shape",
        )
    shape = (-1, *(1 for _ in made.shape[2:])) if len(numbers) > 1 else ()
    return np.array(numbers, made.dtype).reshape(shape)


def _whole(source: Source, column: Column, value: Value, array: Array) -> Array:
    low, high = (0, 1) if value.dtype == "bool" else _range(value.dtype)
    least, most = (int(array.min()), int(array.max())) if array.size else (low, low)
    if least < low or most > high:
        refuse(
            source,
            f"{column.name} has values from {least} to {most}",
            f"{low} to {high}, what {value.dtype} holds",
            "bad_dtype",
        )
    return array.astype(np.int64)


def _range(dtype: str) -> tuple[int, int]:
    info = np.iinfo(dtype)
    # uint64 beyond int64 goes through int64 on its way to torch.
    return int(info.min), min(int(info.max), np.iinfo(np.int64).max)
