"""Helpers of the containers' tests: read a file through the parser alone, and judge the result.

`lab.read` proves what every caller relies on: the pieces cover the file once and give it back, and
each tensor's bytes are found by the entry's own words. Expected values come from the libraries.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from modelhub import containers
from modelhub.containers.model import Parsed
from modelhub.errors import BadInputError, ModelHubError
from modelhub.fs.files import InputFile
from modelhub.tensors.arrays import TensorSpec, from_bytes, spec_of, strided, to_bytes


@dataclass
class Read:
    """A file as parsed, and its tensors' dtype, shape and raw bytes by name."""

    kind: str
    parsed: Parsed
    tensors: dict[str, tuple[TensorSpec, bytes]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return sorted(self.tensors)

    def storage_of(self, name: str):
        entry = next(entry for entry in self.parsed.tensors if entry.name == name)
        return self.parsed.storages[entry.storage]


class Lab:
    """Writes files into a folder of the test's own, and reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def read(self, path: Path, kind: str | None = None) -> Read:
        with InputFile(path) as file:
            kind = kind or containers.detect(path, file)
            read = Read(kind, containers.parse(file, kind))
            values = self._rebuild(file, read.parsed)
            for index, storage in enumerate(read.parsed.storages):
                assert storage.index == index
                if storage.offset is None:
                    values[index] = bytes(read.parsed.load_detached(index))
                assert (
                    from_bytes(values[index], TensorSpec(storage.dtype, storage.shape)) is not None
                )
            for entry in read.parsed.tensors:
                spec = TensorSpec(entry.dtype, entry.shape)
                data = values[entry.storage]
                storage = read.parsed.storages[entry.storage]
                if entry.strides is None:
                    assert (storage.dtype, storage.shape) == (entry.dtype, entry.shape)
                    array = from_bytes(data, spec)
                else:
                    array = strided(data, spec, entry.offset_elements, entry.strides)
                assert entry.name not in read.tensors
                raw = data if spec.nbytes and entry.strides is None else to_bytes(array).tobytes()
                read.tensors[entry.name] = (spec, raw)
        return read

    @staticmethod
    def _rebuild(file: InputFile, parsed: Parsed) -> dict[int, bytes]:
        """Put the file together from its pieces, as a recipe does; return the storages' bytes."""
        values: dict[int, bytes] = {}
        position, whole = 0, []
        for kind, *rest in parsed.pieces():
            offset, size = rest[-2:]
            assert offset == position
            data = file.read(offset, size)
            if kind == "storage":
                assert rest[0] not in values
                values[rest[0]] = data
            else:
                assert kind == "literal"
                assert size
            whole.append(data)
            position += size
        assert position == file.size == parsed.size
        assert b"".join(whole) == file.read(0, file.size)
        assert set(values) == {s.index for s in parsed.storages if s.offset is not None}
        return values

    def check(self, path: Path, expected: dict[str, object]) -> Read:
        """Read a file and compare with what its library loads, bit for bit."""
        read = self.read(path)
        assert read.names == sorted(expected)
        for name, array in expected.items():
            spec, raw = read.tensors[name]
            assert spec == spec_of(array), name
            assert raw == to_bytes(array).tobytes(), name
        return read

    def refused(self, path: Path, kind: str, parsed_as: str | None = None) -> BadInputError:
        """Make sure that a file is refused with that kind, one line, and its path."""
        with pytest.raises(BadInputError) as caught:
            self.read(path, parsed_as)
        assert caught.value.kind == kind
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        return caught.value

    def survives(self, path: Path, kind: str) -> None:
        """Make sure that a damaged file gives an error of ours, or a sound structure."""
        with contextlib.suppress(ModelHubError):
            self.read(path, kind)

    @staticmethod
    def npy(array: np.ndarray, **options) -> bytes:
        out = io.BytesIO()
        np.save(out, array, **options)
        return out.getvalue()

    def zip(self, name: str, members: list[tuple[str, bytes]], method=zipfile.ZIP_STORED) -> Path:
        path = self.folder / name
        with zipfile.ZipFile(path, "w", method) as archive:
            for member, data in members:
                archive.writestr(member, data)
        return path

    def torch_zip(self, name: str, data_pkl: bytes, records=(), method=zipfile.ZIP_STORED) -> Path:
        """Write what torch.save would, around a pickle of the test's own."""
        members = [("archive/data.pkl", data_pkl), ("archive/byteorder", b"little")]
        members += [(f"archive/data/{key}", data) for key, data in records]
        return self.zip(name, [*members, ("archive/version", b"3\n")], method)

    @staticmethod
    def pickled(value: object, protocol: int = 2) -> bytes:
        return pickle.dumps(value, protocol=protocol)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One folder for all the examples of a property, which each overwrite their file."""
    return Lab(tmp_path_factory.mktemp("lab"))
