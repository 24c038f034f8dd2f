"""Read a data set from an .npz file: each array a column, streamed from its member of the zip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from modelhub.containers import npy
from modelhub.containers.npy import NpyHeader
from modelhub.containers.zip_index import Member, read_member, read_members
from modelhub.data.columns import Array, Column, refuse
from modelhub.data.runs import ZipRun, take_rows
from modelhub.fs.files import InputFile

__all__ = ["Npz"]

_SUFFIX = ".npy"


class Npz:
    """An open .npz file; see `data.columns.Source`.

    Members may be stored or deflated. Rows are read as they are asked for, whichever it is.

    Raises:
        BadInputError: the file is no zip archive, or a member is no array or holds objects.
    """

    kind = "npz"
    classes: Sequence[str] = ()

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._file = InputFile(path)
        self._arrays: dict[str, tuple[Member, NpyHeader]] = {}
        self.columns: dict[str, Column] = {}
        try:
            for member in read_members(self._file):
                self._add(member)
        except BaseException:
            self.close()
            raise

    def _add(self, member: Member) -> None:
        name = member.name.removesuffix(_SUFFIX)
        if name == member.name:
            return
        prefix = read_member(self._file, member, 0, npy.PREFIX_BYTES)
        header = npy.read_header(prefix, f"{self.where}: {member.name}")
        if not header.dtype or not header.shape:
            return
        self._arrays[name] = member, header
        if header.start + header.nbytes != member.size:
            refuse(
                self,
                f"{name} has {member.size - header.start} bytes of values",
                f"{header.nbytes}, by its header",
                "truncated",
            )
        count, *rest = header.shape
        self.columns[name] = Column(name, header.dtype, tuple(rest), count)

    def rows(self, names: Sequence[str], size: int) -> Iterator[Mapping[str, Array]]:
        """Yield batches; see `data.columns.Source`."""
        runs: dict[str, ZipRun] = {}
        for name in names:
            member, header = self._arrays[name]
            if header.fortran and len(header.shape) > 1:
                refuse(
                    self,
                    f"{name} is stored column by column",
                    "rows that lie together",
                    "bad_shape",
                    "save it with numpy.ascontiguousarray(...)",
                )
            runs[name] = ZipRun(self._file, member)
            runs[name].take(header.start)
        count = min(self.columns[name].count for name in names)
        for begin in range(0, count, size):
            here = min(size, count - begin)
            yield {name: self._take(run, name, here) for name, run in runs.items()}

    def _take(self, run: ZipRun, name: str, count: int) -> Array:
        column, header = self.columns[name], self._arrays[name][1]
        return take_rows(run, column.dtype, column.shape, count, swapped=header.swapped)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
