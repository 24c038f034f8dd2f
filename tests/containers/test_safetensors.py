from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import numpy as st_numpy
from safetensors import safe_open
from safetensors import torch as st_torch

from modelhub.containers import limits, safetensors
from modelhub.errors import BadInputError
from modelhub.tensors.arrays import TensorSpec, from_bytes, to_bytes
from modelhub.tensors.dtypes import DTYPES

TORCH_DTYPES = [row.name for row in DTYPES if row.tag and hasattr(torch, row.name)]


def raw_file(header, data=b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin, end, dtype="U8", shape=None):
    return {
        "dtype": dtype,
        "shape": [end - begin] if shape is None else shape,
        "data_offsets": [begin, end],
    }


def random_tensor(dtype, shape, seed=0):
    spec = TensorSpec(dtype, shape)
    raw = np.random.default_rng(seed).integers(0, 256, spec.nbytes, np.uint8)
    flat = torch.from_numpy(np.concatenate([raw, np.zeros(16, np.uint8)]))[: raw.size]
    return flat.view(getattr(torch, dtype)).reshape(shape)


def test_every_dtype_that_the_library_writes(lab):
    tensors = {
        f"{dtype}.{len(shape)}": random_tensor(dtype, shape)
        for dtype in TORCH_DTYPES
        for shape in [(), (3,), (2, 3), (2, 0, 3)]
    }
    path = lab.folder / "all.safetensors"
    st_torch.save_file(tensors, path, metadata={"format": "pt", "note": "line\nfeed"})
    read = lab.check(path, st_torch.load_file(path))
    assert read.kind == "safetensors"
    assert read.parsed.metadata == {"format": "pt", "note": "line\nfeed"}
    assert read.names == sorted(tensors)
    assert all(entry.strides is None for entry in read.parsed.tensors)


def test_packed_values(lab):
    packed = torch.arange(6, dtype=torch.uint8).view(torch.float4_e2m1fn_x2).reshape(2, 3)
    path = lab.folder / "packed.safetensors"
    st_torch.save_file({"a": packed}, path)
    spec, raw = lab.read(path).tensors["a"]
    assert spec == TensorSpec("float4_e2m1fn", (2, 6))
    assert raw == bytes([0, 1, 2, 3, 4, 5])


def test_six_bit_values_fill_bytes_together(lab):
    data = bytes([1, 2, 3])
    good = raw_file({"a": entry(0, 3, "F6_E2M3", [4])}, data)
    assert lab.read(lab.write("a.safetensors", good)).tensors["a"] == (
        TensorSpec("float6_e2m3fn", (4,)),
        data,
    )
    bad = raw_file({"a": entry(0, 3, "F6_E2M3", [3])}, data)
    lab.refused(lab.write("b.safetensors", bad), "bad_shape")


def test_signalling_nans(lab):
    bits = np.array([0x7F800001, 0xFFBFFFFF, 0x7F800000, 0x80000000], np.uint32)
    path = lab.folder / "nan.safetensors"
    st_numpy.save_file({"a": bits.view(np.float32)}, path)
    assert lab.read(path).tensors["a"][1] == bits.tobytes()


@pytest.mark.parametrize(
    "name",
    ["", "a/b/../c", "..", "/etc/passwd", "новый.вес", "line\nfeed", "tab\t", "\0", "🤗" * 9],
)
def test_names_are_plain_text(lab, name):
    array = np.arange(3, dtype=np.int16)
    path = lab.folder / "names.safetensors"
    st_numpy.save_file({name: array}, path)
    lab.check(path, {name: array})


def test_no_tensors_at_all(lab):
    path = lab.folder / "none.safetensors"
    st_numpy.save_file({}, path)
    assert lab.check(path, {}).parsed.storages == []
    assert lab.read(lab.write("bare.safetensors", raw_file(b"{}"))).names == []


def test_only_empty_tensors(lab):
    path = lab.folder / "empty.safetensors"
    arrays = {"a": np.empty((0, 3), np.float32), "b": np.empty((2, 0), np.int8)}
    st_numpy.save_file(arrays, path)
    read = lab.check(path, arrays)
    assert [storage.nbytes for storage in read.parsed.storages] == [0, 0]


def test_order_in_the_header_does_not_matter(lab):
    header = {"z": entry(4, 6), "a": entry(0, 4), "m": entry(4, 4)}
    read = lab.read(lab.write("order.safetensors", raw_file(header, b"abcdef")))
    assert {name: raw for name, (_, raw) in read.tensors.items()} == {
        "a": b"abcd", "m": b"", "z": b"ef",
    }  # fmt: skip


GOOD = raw_file({"a": entry(0, 4), "b": entry(4, 6)}, b"abcdef")

HOSTILE = {
    "nothing": (b"", "truncated"),
    "seven_bytes": (GOOD[:7], "truncated"),
    "cut_in_the_header": (GOOD[:20], "truncated"),
    "cut_in_the_data": (GOOD[:-1], "truncated"),
    "other_format": (b"PK\x03\x04" + bytes(60), "truncated"),
    "text": (b"this is no safetensors file at all", "bad_header"),
    "header_length_absurd": (struct.pack("<Q", 2**63) + b"{}", "bad_header"),
    "header_length_past_the_limit": (struct.pack("<Q", 100_000_001) + b"{}", "bad_header"),
    "header_length_at_the_limit": (struct.pack("<Q", 100_000_000) + b"{}", "truncated"),
    "header_empty": (raw_file(b""), "bad_header"),
    "header_no_json": (raw_file(b"{'a': 1}"), "bad_header"),
    "header_no_object": (raw_file(b"[]"), "bad_header"),
    "header_leading_space": (raw_file(b" {}"), "bad_header"),
    "header_no_utf8": (raw_file(b'{"\xff": 1}'), "bad_header"),
    "header_nested_deep": (raw_file(b'{"a":' + b"[" * 100_000), "bad_header"),
    "header_trailing_garbage": (raw_file(b"{} x"), "bad_header"),
    "header_huge_number": (
        raw_file(b'{"a":{"dtype":"U8","shape":[' + b"9" * 9000 + b'],"data_offsets":[0,1]}}', b"a"),
        "bad_header",
    ),
    "metadata_of_numbers": (raw_file({"__metadata__": {"a": 1}}), "bad_header"),
    "metadata_list": (raw_file({"__metadata__": []}), "bad_header"),
    "duplicate_name": (
        raw_file(b'{"a":%s,"a":%s}' % ((json.dumps(entry(0, 4)).encode(),) * 2), b"abcd"),
        "duplicate_name",
    ),
    "duplicate_field": (
        raw_file(b'{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', b"a"),
        "duplicate_name",
    ),
    "entry_no_object": (raw_file({"a": 1}), "bad_header"),
    "entry_without_dtype": (raw_file({"a": {"shape": [], "data_offsets": [0, 1]}}), "bad_header"),
    "entry_without_shape": (
        raw_file({"a": {"dtype": "U8", "data_offsets": [0, 1]}}, b"a"),
        "bad_header",
    ),
    "dtype_unknown": (raw_file({"a": entry(0, 1, "X9")}, b"a"), "bad_dtype"),
    "shape_of_bools": (raw_file({"a": entry(0, 1, shape=[True])}, b"a"), "bad_header"),
    "shape_of_floats": (raw_file({"a": entry(0, 1, shape=[1.0])}, b"a"), "bad_header"),
    "shape_negative": (raw_file({"a": entry(0, 1, shape=[-1, -1])}, b"a"), "bad_shape"),
    "shape_product_wrong": (raw_file({"a": entry(0, 4, shape=[2, 3])}, b"abcd"), "bad_shape"),
    "shape_product_overflows": (
        raw_file({"a": entry(0, 0, shape=[2**32, 2**32])}),
        "bad_shape",
    ),
    "shape_size_past_63_bits": (raw_file({"a": entry(0, 0, shape=[2**63, 0])}), "bad_shape"),
    "offsets_turned_round": (raw_file({"a": entry(4, 0, shape=[4])}, b"abcd"), "bad_header"),
    "offsets_of_three": (
        raw_file({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 1]}}, b"a"),
        "bad_header",
    ),
    "offsets_past_the_end": (raw_file({"a": entry(0, 9)}, b"abcd"), "truncated"),
    "offsets_past_63_bits": (raw_file({"a": entry(2**64, 2**64)}, b""), "bad_header"),
    "overlap": (raw_file({"a": entry(0, 4), "b": entry(3, 6)}, b"abcdef"), "bad_header"),
    "same_range_twice": (raw_file({"a": entry(0, 4), "b": entry(0, 4)}, b"abcd"), "bad_header"),
    "hole_at_the_start": (raw_file({"a": entry(1, 4)}, b"abcd"), "bad_header"),
    "hole_between": (raw_file({"a": entry(0, 2), "b": entry(3, 4)}, b"abcd"), "bad_header"),
    "bytes_at_the_end": (raw_file({"a": entry(0, 2)}, b"abcd"), "bad_header"),
    "bytes_without_tensors": (raw_file({}, b"abcd"), "bad_header"),
    "empty_tensor_outside": (raw_file({"a": entry(0, 4), "b": entry(9, 9)}, b"abcd"), "bad_header"),
    "name_lone_surrogate": (
        raw_file(b'{"\\ud800":%s}' % json.dumps(entry(0, 1)).encode(), b"a"),
        "bad_name",
    ),
    "name_too_long": (raw_file({"n" * 4097: entry(0, 1)}, b"a"), "bad_name"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(lab, case):
    data, kind = HOSTILE[case]
    lab.refused(lab.write("bad.safetensors", data), kind)


def test_the_longest_name(lab):
    name = "n" * limits.NAME_BYTES_MAX
    assert lab.read(lab.write("a.safetensors", raw_file({name: entry(0, 1)}, b"a"))).names == [name]


names = st.text(max_size=8).filter(lambda text: text != "__metadata__")
specs = st.builds(
    TensorSpec,
    st.sampled_from([row.name for row in DTYPES if row.tag and not row.packed]),
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(names, specs, max_size=5), st.dictionaries(names, st.text(max_size=5)))
def test_what_we_write_the_library_loads(shared_lab, wanted, metadata):
    arrays = {
        name: from_bytes(np.arange(spec.nbytes, dtype=np.uint8) & 1, spec)
        for name, spec in wanted.items()
    }
    head = safetensors.header_bytes(list(wanted.items()), metadata)
    assert len(head) % 8 == 0
    assert head == safetensors.header_bytes(list(wanted.items()), metadata)
    data = b"".join(to_bytes(array).tobytes() for array in arrays.values())
    path = shared_lab.write("ours.safetensors", head + data)
    with safe_open(path, "pt") as library:
        assert set(library.keys()) == set(arrays)
        assert (library.metadata() or {}) == metadata
        for name in arrays:
            assert to_bytes(library.get_tensor(name)).tobytes() == to_bytes(arrays[name]).tobytes()
    shared_lab.check(path, arrays)


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        ([("a", TensorSpec("uint8", ())), ("a", TensorSpec("uint8", ()))], "duplicate_name"),
        ([("__metadata__", TensorSpec("uint8", ()))], "bad_name"),
        ([("\ud800", TensorSpec("uint8", ()))], "bad_name"),
        ([("a", TensorSpec("complex128", ()))], "bad_dtype"),
        ([("a", TensorSpec("float4_e2m1fn", (3,)))], "bad_shape"),
    ],
)
def test_what_the_format_cannot_hold_is_not_written(wanted, kind):
    with pytest.raises(BadInputError) as caught:
        safetensors.header_bytes(wanted, {})
    assert caught.value.kind == kind
