from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelhub.errors import BadInputError
from modelhub.tensors.arrays import (
    TensorSpec,
    contiguous_strides,
    from_bytes,
    spec_of,
    strided,
    to_bytes,
)
from modelhub.tensors.dtypes import DTYPES, by_name, numpy_dtype

PLAIN = [row.name for row in DTYPES if not row.packed]
IN_TORCH = [name for name in PLAIN if hasattr(torch, name)]

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


def random_array(dtype, shape, seed=0):
    """Any bit pattern at all, NaNs of every payload among them."""
    spec = TensorSpec(dtype, shape)
    raw = np.random.default_rng(seed).integers(0, 256, spec.nbytes, np.uint8)
    return from_bytes(raw, spec)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLAIN), shapes, st.integers(0, 1000))
def test_bytes_and_back_for_every_dtype_and_shape(dtype, shape, seed):
    array = random_array(dtype, shape, seed)
    raw = to_bytes(array)
    assert (raw.dtype, raw.ndim) == (np.uint8, 1)
    assert raw.tobytes() == array.tobytes()
    again = from_bytes(raw, spec_of(array))
    assert (again.dtype, again.shape) == (numpy_dtype(dtype), shape)
    assert again.tobytes() == array.tobytes()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLAIN), st.integers(0, 1000))
def test_order_stride_and_endianness_do_not_matter(dtype, seed):
    array = random_array(dtype, (4, 6, 3), seed)
    expected = array.tobytes()
    assert to_bytes(np.asfortranarray(array)).tobytes() == expected
    wide = np.zeros((4, 12, 3), array.dtype)
    wide.view(np.uint8)[...] = 7
    wide[:, ::2] = array
    assert to_bytes(wide[:, ::2]).tobytes() == expected
    assert to_bytes(array[::-1, :, ::-1]).tobytes() == array[::-1, :, ::-1].tobytes()
    if by_name(dtype).width > 1 and array.dtype.isbuiltin == 1:
        swapped = array.byteswap().view(array.dtype.newbyteorder(">"))
        assert to_bytes(swapped).tobytes() == expected


def test_signalling_nans_survive_every_way():
    bits = np.array([0x7F800001, 0xFFBFFFFF, 0x7FC00001, 0x80000000], np.uint32)
    array = np.stack([bits, bits], axis=1).view(np.float32)[:, 0]
    assert not array.flags.c_contiguous
    assert to_bytes(array).tobytes() == bits.tobytes()
    big = bits.astype(">u4").view(">f4")
    assert to_bytes(big).tobytes() == bits.tobytes()
    tensor = torch.from_numpy(bits.view(np.int32).copy()).view(torch.float32)
    assert to_bytes(tensor).tobytes() == bits.tobytes()


@pytest.mark.parametrize("dtype", IN_TORCH)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (2, 0, 3)])
def test_torch_tensors_of_every_dtype(dtype, shape):
    array = random_array(dtype, shape)
    flat = torch.from_numpy(np.frombuffer(bytearray(array.tobytes()) or bytearray(16), np.uint8))
    tensor = flat[: array.nbytes].view(getattr(torch, dtype)).reshape(shape)
    assert spec_of(tensor) == TensorSpec(dtype, shape)
    assert to_bytes(tensor).tobytes() == array.tobytes()
    if len(shape) == 2:
        rows = np.frombuffer(array.tobytes(), np.uint8).reshape(*shape, array.itemsize)
        turned = np.ascontiguousarray(rows.transpose(1, 0, 2))
        assert to_bytes(tensor.t()).tobytes() == turned.tobytes()


def test_torch_parameters_and_lazy_views():
    tensor = torch.randn(3, dtype=torch.complex64)
    assert to_bytes(torch.nn.Parameter(tensor)).tobytes() == tensor.numpy().tobytes()
    assert to_bytes(tensor.conj()).tobytes() == tensor.numpy().conj().tobytes()
    assert to_bytes(tensor.conj().imag).tobytes() == (-tensor.imag).numpy().tobytes()


def test_a_packed_torch_dtype_counts_values():
    tensor = torch.arange(6, dtype=torch.uint8).view(torch.float4_e2m1fn_x2).reshape(2, 3)
    assert spec_of(tensor) == TensorSpec("float4_e2m1fn", (2, 6))
    assert to_bytes(tensor).tolist() == [0, 1, 2, 3, 4, 5]
    assert from_bytes(to_bytes(tensor), spec_of(tensor)).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.eye(3).to_sparse(),
        lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        lambda: torch.zeros(2, dtype=torch.complex32),
    ],
)
def test_tensors_without_plain_values_are_refused(make):
    tensor = make()
    with pytest.raises(BadInputError) as caught:
        to_bytes(tensor)
    assert caught.value.kind == "bad_dtype"


def test_no_copy_is_made_of_contiguous_arrays():
    array = np.arange(4, dtype=np.float32)
    assert np.shares_memory(to_bytes(array), array)
    assert np.shares_memory(from_bytes(to_bytes(array), spec_of(array)), array)


def test_lists_and_scalars_are_arrays_too():
    assert spec_of(1.5) == TensorSpec("float64", ())
    assert to_bytes([1, 2]).size == 16


@pytest.mark.parametrize("size", [0, 7, 9])
def test_a_buffer_of_another_size_is_refused(size):
    with pytest.raises(BadInputError) as caught:
        from_bytes(bytes(size), TensorSpec("float32", (2,)))
    assert caught.value.kind == "bad_shape"


def test_sizes_of_specs():
    assert TensorSpec("float32", ()).nbytes == 4
    assert TensorSpec("float32", (2, 0)).nbytes == 0
    assert TensorSpec("float4_e2m1fn", (3,)).nbytes == 2
    assert TensorSpec("float6_e2m3fn", (4,)).nbytes == 3
    assert TensorSpec("complex128", (3,)).nbytes == 48


def test_strided_views_read_as_torch_reads_them():
    base = torch.arange(24.0).reshape(4, 6)
    raw = to_bytes(base)
    for view in (base.t(), base[1:3, ::2], base[2], base[1:, 1:], base[0].expand(3, 6), base[:0]):
        spec = TensorSpec("float32", tuple(view.shape))
        got = strided(raw, spec, view.storage_offset(), view.stride())
        assert got.tolist() == view.tolist()
    assert strided(raw, TensorSpec("float32", (2, 2)), 3).tolist() == [[3, 4], [5, 6]]


@pytest.mark.parametrize(
    ("shape", "offset", "strides"),
    [((25,), 0, (1,)), ((2,), 23, (1,)), ((2,), -1, (1,)), ((2,), 3, (-1,)), ((2, 2), 0, (1,))],
)
def test_views_outside_the_storage_are_refused(shape, offset, strides):
    raw = bytes(24 * 4)
    with pytest.raises(BadInputError) as caught:
        strided(raw, TensorSpec("float32", shape), offset, strides)
    assert caught.value.kind == "bad_shape"


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0, 3)])
def test_contiguous_strides_are_torchs(shape):
    assert contiguous_strides(shape) == torch.empty(shape).stride()


@pytest.mark.parametrize("dtype", PLAIN)
def test_views_of_every_dtype(dtype):
    array = random_array(dtype, (3, 4))
    view = strided(to_bytes(array), TensorSpec(dtype, (4, 3)), 0, (1, 4))
    assert (view.dtype, view.shape) == (numpy_dtype(dtype), (4, 3))
    assert to_bytes(view.T).tobytes() == array.tobytes()
    assert not view.flags.writeable
