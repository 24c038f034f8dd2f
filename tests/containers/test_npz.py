from __future__ import annotations

import io
import zipfile

import ml_dtypes
import numpy as np
import pytest

ARRAYS = {
    "weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "bias": np.array(2.5),
    "none": np.empty((0, 4), np.int8),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big": np.arange(5, dtype=">i4"),
    "a/b.c": np.array([True, False]),
    "zeros": np.zeros((100, 100)),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saves(lab, save):
    path = lab.folder / "a.npz"
    save(path, **ARRAYS)
    with np.load(path) as library:
        read = lab.check(path, dict(library))
    assert read.kind == "npz"
    stored = save is np.savez
    assert (read.storage_of("weight").offset is not None) == stored
    assert read.storage_of("big").offset is None


def test_the_name_is_that_of_the_member(lab):
    arrays = {"..": ARRAYS["weight"], "../../etc/passwd": ARRAYS["bias"], "новый": ARRAYS["none"]}
    members = [(f"{name}.npy", lab.npy(array)) for name, array in arrays.items()]
    lab.check(lab.zip("a.npz", members), arrays)


def test_other_members_are_kept_as_bytes(lab):
    members = [("a.npy", lab.npy(ARRAYS["weight"])), ("README", b"hello"), ("folder/", b"")]
    read = lab.check(lab.zip("a.npz", members), {"a": ARRAYS["weight"]})
    assert read.parsed.notes == ["README: kept as bytes, not as a tensor"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_kept_as_bytes(lab, method):
    read = lab.check(lab.zip("a.npz", [("a.npy", lab.npy(ARRAYS["weight"]))], method), {})
    assert "a.npy" in read.parsed.notes[0]


def test_no_members(lab):
    lab.check(lab.zip("a.npz", []), {})


def test_a_streamed_archive(lab):
    class Pipe(io.RawIOBase):
        """Cannot seek, so that zipfile writes sizes behind the data and zip64 fields before."""

        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for name in ("weight", "bias"):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(lab.npy(ARRAYS[name]))
    path = lab.write("a.npz", pipe.data)
    lab.check(path, {"weight": ARRAYS["weight"], "bias": ARRAYS["bias"]})


def test_bfloat16_in_npz(lab):
    array = np.arange(4).astype(ml_dtypes.bfloat16)
    read = lab.read(lab.zip("a.npz", [("a.npy", lab.npy(array))], zipfile.ZIP_DEFLATED))
    assert read.tensors["a"][1] == array.tobytes()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_cut_short(lab, method):
    data = lab.npy(ARRAYS["weight"])[:-1]
    lab.refused(lab.zip("a.npz", [("a.npy", data)], method), "truncated")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_objects_are_refused(lab, method):
    data = lab.npy(np.array([{}], object), allow_pickle=True)
    lab.refused(lab.zip("a.npz", [("a.npy", data)], method), "unsafe_pickle")


def test_a_member_that_is_no_array(lab):
    lab.refused(lab.zip("a.npz", [("a.npy", b"hello")]), "bad_header")
