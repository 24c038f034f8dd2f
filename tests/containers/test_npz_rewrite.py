"""Arrays that do not lie in their file as they are: written again, changed, the rest as it was."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from modelhub import containers
from modelhub.containers.npz_rewrite import rewrite
from modelhub.fs.files import InputFile


def doubled(storage, data):
    """Twice the values of a storage of float64."""
    assert (storage.dtype, storage.nbytes) == ("float64", data.size)
    return (data.view("<f8") * 2).view(np.uint8)


def rewritten(path: Path, kind: str) -> io.BytesIO:
    out = io.BytesIO()
    with InputFile(path) as file:
        rewrite(file, containers.parse(file, kind), out, doubled)
    out.seek(0)
    return out


def test_an_npz(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    array = np.arange(6.0).reshape(2, 3)
    np.savez_compressed(path, a=array, fortran=np.asfortranarray(array), big=array.astype(">f8"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "text", zipfile.ZIP_DEFLATED)
        archive.writestr("text.npy", npy(np.array("word")))
        archive.writestr("stored.npy", npy(array), zipfile.ZIP_STORED)
    out = rewritten(path, "npz")
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert archive.read("notes.txt") == b"text"
        assert archive.namelist() == zipfile.ZipFile(path).namelist()
    out.seek(0)
    with np.load(out) as found:
        for name in ("a", "fortran", "big"):
            assert (found[name] == 2 * array).all()
            assert found[name].dtype == np.dtype("<f8")
        assert np.isfortran(found["fortran"])
        assert found["text"] == "word"
        # What lies in the file as it is has been changed by whoever reads the file.
        assert (found["stored"] == array).all()
    assert rewritten(path, "npz").getvalue() == out.getvalue()


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_a_big_endian_npy_with_a_tail(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.full(shape, 1.5, ">f8")
    path = tmp_path / "w.npy"
    path.write_bytes(npy(array) + b"tail")
    data = rewritten(path, "npy").getvalue()
    found = np.load(io.BytesIO(data))
    assert (found.dtype, found.shape) == (np.dtype("<f8"), shape)
    assert (found == 3.0).all()
    assert data.endswith(b"tail")
