"""Read a data set from a Parquet file, with pyarrow (extra `data`).

A column of numbers is one value for each example; of lists, all of one length, one row. Lists of
lists are more dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelhub.data.columns import Array, Column, refuse
from modelhub.errors import BadInputError
from modelhub.fs.files import InputFile
from modelhub.optional import require
from modelhub.tensors.dtypes import from_numpy

__all__ = ["Parquet"]


class Parquet:
    """An open Parquet file; see `data.columns.Source`.

    Raises:
        BadInputError: it is no Parquet file.
        ModelHubError: kind `missing_extra`, pyarrow is not installed.
    """

    kind = "parquet"
    classes: Sequence[str] = ()

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        # What is missing or no file is told by our own words, not by pyarrow's.
        InputFile(path).close()
        self._arrow = require("pyarrow", "data")
        module = require("pyarrow.parquet", "data")
        try:
            self._file = module.ParquetFile(path)
        except (self._arrow.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        self.columns: dict[str, Column] = {}
        count = self._file.metadata.num_rows
        first = next(self._batches(self._usable(), 1), None)
        for name, array in {} if first is None else first.items():
            dtype = from_numpy(array.dtype).name
            self.columns[name] = Column(name, dtype, array.shape[1:], count)

    def _usable(self) -> list[str]:
        schema = self._file.schema_arrow
        return [field.name for field in schema if self._is_numeric(field.type)]

    def _is_numeric(self, kind: Any) -> bool:
        types = self._arrow.types
        while types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            kind = kind.value_type
        numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
        return bool(numeric)

    def rows(self, names: Sequence[str], size: int) -> Iterator[Mapping[str, Array]]:
        """Yield batches; see `data.columns.Source`."""
        for batch in self._batches(list(names), size):
            for name, array in batch.items():
                if array.shape[1:] != self.columns[name].shape:
                    refuse(
                        self,
                        f"{name} has examples of shape {array.shape[1:]}",
                        f"{self.columns[name].shape}, as the first one",
                        "bad_shape",
                    )
            yield batch

    def _batches(self, names: list[str], size: int) -> Iterator[dict[str, Array]]:
        try:
            for batch in self._file.iter_batches(batch_size=size, columns=names):
                yield {
                    name: self._array(batch.column(batch.schema.get_field_index(name)), name)
                    for name in names
                }
        except (self._arrow.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def _array(self, values: Any, name: str) -> Array:
        """Return a column of a batch as an array of one dimension for each level of lists."""
        if values.null_count:
            refuse(self, f"{name} lacks {values.null_count} values", "no nulls", "bad_input")
        types = self._arrow.types
        kind, count = values.type, len(values)
        if types.is_fixed_size_list(kind):
            length = kind.list_size
        elif types.is_list(kind) or types.is_large_list(kind):
            lengths = np.diff(values.offsets.to_numpy())
            length = int(lengths[0]) if count else 0
            if (lengths != length).any():
                refuse(
                    self,
                    f"{name} has lists of {lengths.min()} to {lengths.max()} values",
                    "lists of one length",
                    "bad_shape",
                )
        else:
            # Booleans are bits in Arrow, so they cannot be had without a copy.
            return np.asarray(values.to_numpy(zero_copy_only=False))
        below = self._array(values.flatten(), name)
        return below.reshape((count, length, *below.shape[1:]))

    def _damaged(self, error: Exception) -> BadInputError:
        text = str(error).strip().splitlines()
        return BadInputError(
            f"it cannot be read ({text[0] if text else type(error).__name__})",
            expected="a Parquet file",
            where=self.where,
            kind="bad_header",
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()
