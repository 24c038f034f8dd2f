"""Read a data set from a safetensors file: each tensor a column, read from the file in rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from modelhub.containers import safetensors
from modelhub.data.columns import Array, Column
from modelhub.data.runs import FileRun, take_rows
from modelhub.fs.files import InputFile

__all__ = ["Safetensors"]


class Safetensors:
    """An open safetensors file; see `data.columns.Source`.

    Raises:
        BadInputError: the file breaks the rules of its format.
    """

    kind = "safetensors"
    classes: Sequence[str] = ()

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._file = InputFile(path)
        self._offsets: dict[str, int] = {}
        self.columns: dict[str, Column] = {}
        try:
            parsed = safetensors.parse(self._file)
        except BaseException:
            self.close()
            raise
        for entry in parsed.tensors:
            offset = parsed.storages[entry.storage].offset
            if entry.shape and offset is not None:
                count, *rest = entry.shape
                self._offsets[entry.name] = offset
                self.columns[entry.name] = Column(entry.name, entry.dtype, tuple(rest), count)

    def rows(self, names: Sequence[str], size: int) -> Iterator[Mapping[str, Array]]:
        """Yield batches; see `data.columns.Source`."""
        runs = {name: FileRun(self._file, self._offsets[name]) for name in names}
        count = min(self.columns[name].count for name in names)
        for begin in range(0, count, size):
            here = min(size, count - begin)
            yield {
                name: take_rows(run, self.columns[name].dtype, self.columns[name].shape, here)
                for name, run in runs.items()
            }

    def close(self) -> None:
        """Close the file."""
        self._file.close()
