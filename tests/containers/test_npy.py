from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from modelhub.containers import limits
from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.dtypes import DTYPES, numpy_dtype

NUMPY_DTYPES = [
    row.name for row in DTYPES if not row.packed and numpy_dtype(row.name).isbuiltin == 1
]


def random_array(dtype, shape, seed=0):
    dtype = np.dtype(dtype)
    raw = np.random.default_rng(seed).integers(0, 256, int(np.prod(shape)) * dtype.itemsize, "u1")
    return raw.view(dtype).reshape(shape)


def raw_npy(header: bytes, data=b"", version=1) -> bytes:
    size = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + data


def plain(descr="'<f4'", fortran="False", shape="(2,)", data=bytes(8)) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"
    return raw_npy(text.encode(), data)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0, 3)])
@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_every_dtype(lab, dtype, shape):
    path = lab.folder / "a.npy"
    np.save(path, random_array(numpy_dtype(dtype), shape))
    read = lab.check(path, {"array": np.load(path)})
    assert read.kind == "npy"
    assert read.storage_of("array").offset % 64 == 0
    assert read.parsed.notes == []


@pytest.mark.parametrize("shape", [(5,), (5, 1), (2, 3), (2, 3, 4)])
def test_fortran_order_is_a_view(lab, shape):
    array = random_array("f4", shape).copy(order="F")
    read = lab.check(lab.write("a.npy", lab.npy(array)), {"array": array})
    (entry,) = read.parsed.tensors
    assert (entry.strides is None) == (sum(size != 1 for size in shape) < 2)
    assert read.storage_of("array").offset is not None


def test_fortran_order_of_nothing(lab):
    path = lab.write("a.npy", plain(fortran="True", shape="(0, 3)", data=b""))
    assert lab.read(path).tensors["array"] == (TensorSpec("float32", (0, 3)), b"")


@pytest.mark.parametrize("descr", [">f8", ">i2", ">c8", ">u4"])
def test_big_endian_values_are_detached(lab, descr):
    array = random_array(descr, (3, 4))
    read = lab.check(lab.write("a.npy", lab.npy(array)), {"array": array})
    assert read.storage_of("array").offset is None
    assert list(read.parsed.pieces()) == [("literal", 0, read.parsed.size)]
    assert "big-endian" in read.parsed.notes[0]
    turned = np.asfortranarray(array)
    lab.check(lab.write("f.npy", lab.npy(turned)), {"array": array})


def test_one_byte_values_have_no_order(lab):
    read = lab.read(lab.write("a.npy", plain("'>i1'", data=b"ab")))
    assert read.storage_of("array").offset is not None


def test_signalling_nans(lab):
    bits = np.array([0x7F800001, 0xFFBFFFFF], np.uint32)
    for name, array in [("l.npy", bits.view("<f4")), ("b.npy", bits.astype(">u4").view(">f4"))]:
        read = lab.read(lab.write(name, lab.npy(array)))
        assert read.tensors["array"] == (TensorSpec("float32", (2,)), bits.tobytes())


def test_values_of_dtypes_that_numpy_cannot_name_are_words(lab):
    array = np.arange(3).astype(ml_dtypes.bfloat16)
    read = lab.read(lab.write("a.npy", lab.npy(array)))
    assert read.tensors["array"] == (TensorSpec("uint16", (3,)), array.tobytes())
    assert "numpy does not say" in read.parsed.notes[0]


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "bc"]),
        np.array([b"a"]),
        np.array(["2020-01-01"], "M8[D]"),
        np.zeros(2, [("Offset", "<f4"), ("O", "<i4")]),
        np.zeros(2, np.longdouble),
    ],
    ids=["text", "bytes", "dates", "records", "longdouble"],
)
def test_what_can_be_no_tensor_stays_in_the_file(lab, array):
    read = lab.check(lab.write("a.npy", lab.npy(array)), {})
    assert "kept as bytes" in read.parsed.notes[0]


def test_bytes_after_the_array_are_kept(lab):
    data = lab.npy(np.arange(3)) + lab.npy(np.arange(4))
    read = lab.check(lab.write("two.npy", data), {"array": np.arange(3)})
    assert "after the array" in read.parsed.notes[0]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_header_versions(lab, version):
    header = b"{'descr': '<i2', 'fortran_order': False, 'shape': (2L, 1)}\n"
    read = lab.read(lab.write("a.npy", raw_npy(header, b"abcd", version)))
    assert read.tensors["array"] == (TensorSpec("int16", (2, 1)), b"abcd")


GOOD = plain()
HOSTILE = {
    "nothing": (b"", "bad_header"),
    "other_format": (b"PK\x03\x04" + bytes(40), "bad_header"),
    "magic_alone": (b"\x93NUMPY", "truncated"),
    "version_unknown": (raw_npy(b"{}" + b" " * 20, version=4), "unsupported_version"),
    "cut_in_the_header": (GOOD[:20], "truncated"),
    "cut_in_the_values": (GOOD[:-1], "truncated"),
    "header_length_absurd": (raw_npy(b"", version=2)[:8] + b"\xff" * 8, "bad_header"),
    "header_past_the_limit": (raw_npy(b" " * (limits.NPY_HEADER_BYTES_MAX + 1)), "bad_header"),
    "header_no_literal": (raw_npy(b"__import__('os').system('touch ran')"), "bad_header"),
    "header_call_inside": (plain(shape="(print(1),)"), "bad_header"),
    "header_nested_deep": (raw_npy(b"(" * 9000), "bad_header"),
    "header_signs": (raw_npy(b"-" * 9000 + b"1"), "bad_header"),
    "header_sum": (raw_npy(b"1" + b"+1j" * 3000), "bad_header"),
    "header_no_dict": (raw_npy(b"[1]" + b" " * 9), "bad_header"),
    "header_field_missing": (raw_npy(b"{'descr': '<f4', 'shape': ()}"), "bad_header"),
    "header_unhashable_key": (raw_npy(b"{[]: 1, 'shape': ()}     "), "bad_header"),
    "shape_no_tuple": (plain(shape="[2]"), "bad_header"),
    "shape_of_bools": (plain(shape="(True,)"), "bad_header"),
    "shape_negative": (plain(shape="(-2, -1)"), "bad_shape"),
    "shape_product_overflows": (plain(shape=f"({2**40}, {2**40})"), "bad_shape"),
    "shape_too_large_for_the_file": (plain(shape="(3,)"), "truncated"),
    "fortran_no_bool": (plain(fortran="1"), "bad_header"),
    "objects": (plain("'|O'"), "unsafe_pickle"),
    "objects_in_records": (plain("[('a', '<f4'), ('b', [('c', '|O', (2,))])]"), "unsafe_pickle"),
    "objects_in_sub_arrays": (plain("('|O', (2,))"), "unsafe_pickle"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(lab, case, monkeypatch):
    monkeypatch.chdir(lab.folder)
    data, kind = HOSTILE[case]
    lab.refused(lab.write("bad.npy", data), kind)
    assert not (lab.folder / "ran").exists()


def test_an_array_of_objects_is_refused_and_not_run(lab):
    class Evil:
        def __reduce__(self):
            return open, (str(lab.folder / "ran"), "w")

    path = lab.write("a.npy", lab.npy(np.array([Evil()], object), allow_pickle=True))
    error = lab.refused(path, "unsafe_pickle")
    assert "--as-file" in str(error)
    assert not (lab.folder / "ran").exists()


def test_the_longest_header(lab):
    text = b"{'descr': '<i2', 'fortran_order': False, 'shape': ()}"
    data = raw_npy(text.ljust(limits.NPY_HEADER_BYTES_MAX), b"ab")
    assert lab.read(lab.write("a.npy", data)).tensors["array"] == (TensorSpec("int16", ()), b"ab")
