"""Arrays, tensors and buffers of every make go in, and results come out where they are wanted."""

from __future__ import annotations

import array as arrays_of_c
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch

from modelhub import codec
from modelhub.errors import BadInputError, UsageError
from tests.codec.makers import make, moved, same

VALUES = np.random.default_rng(0).normal(0, 1, (30, 40)).astype(np.float32)
BLOB = codec.encode(VALUES)


def strided(kind: str) -> np.ndarray:
    wide = np.random.default_rng(1).normal(0, 1, (30, 40)).astype(np.float32)
    return {
        "transposed": wide.T,
        "fortran": np.asfortranarray(wide),
        "every other": wide[::2, 1::3],
        "backwards": wide[::-1, ::-2],
        "broadcast": np.broadcast_to(wide[0], (5, 40)),
        "scalar broadcast": np.broadcast_to(np.float32(2), (100, 100)),
        "unaligned": np.frombuffer(b"x" + wide.tobytes(), "<f4", offset=1),
        "read-only": np.frombuffer(wide.tobytes(), "<f4"),
        "field": np.zeros(9, [("a", "<f4"), ("b", "u1")])["a"],
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["transposed", "fortran", "every other", "backwards", "broadcast", "scalar broadcast",
     "unaligned", "read-only", "field"],
)  # fmt: skip
def test_any_layout(kind: str) -> None:
    array = strided(kind)
    plain = np.ascontiguousarray(array)
    assert codec.encode(array) == codec.encode(plain)
    assert same(codec.decode(codec.encode(array)), plain)
    blob = codec.encode_delta(array, array)
    assert blob == codec.encode_delta(plain, plain)
    assert same(codec.decode_delta(blob, array), plain)


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8", ">i2", ">u4", ">i8", ">c8", ">c16"])
def test_big_endian(dtype: str) -> None:
    array = (np.arange(300) - 150).astype(dtype)
    blob = codec.encode(array)
    little = array.astype(array.dtype.newbyteorder("<"))
    assert blob == codec.encode(little)
    assert same(codec.decode(blob), little)
    assert same(codec.decode_delta(codec.encode_delta(array, array), little), little)


def test_signalling_nans_stay_so() -> None:
    """Not quietened by a copy on the way in, whatever the layout."""
    bits = np.array([[0x7F800001, 0xFF800001], [0x7FA00000, 0xFFBFFFFF]], np.uint32)
    for array in (bits.view(np.float32), bits.view(np.float32).T, bits.astype(">u4").view(">f4")):
        got = codec.decode(codec.encode(array))
        expected = bits.T if array.base is not None and array.flags.f_contiguous else bits
        assert np.array_equal(got.view(np.uint32), expected)


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int8", "bool", "int16", "int32", "int64", "float16", "bfloat16", "float32",
     "float64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2"],
)  # fmt: skip
def test_torch_tensors(dtype: str) -> None:
    numbers = torch.arange(300).reshape(10, 30) % 7
    tensor = numbers.to(getattr(torch, dtype))
    for one in (tensor, tensor.T, tensor[::2, 3:], tensor[:0], tensor[0, 0]):
        got = codec.decode(codec.encode(one))
        assert (got.dtype.name, got.shape) == (dtype, tuple(one.shape))
        words = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
        real = torch.view_as_real(one) if one.is_complex() else one
        expected = real.contiguous().view(words[real.element_size()])
        assert got.tobytes() == expected.numpy().tobytes()
        blob = codec.encode_delta(one, one)
        assert same(codec.decode_delta(blob, one), got)


def test_tensors_that_need_grad() -> None:
    tensor = torch.ones(5, requires_grad=True)
    assert codec.decode(codec.encode(tensor)).tolist() == [1] * 5


@pytest.mark.parametrize(
    "make_bad",
    [
        lambda: torch.eye(3).to_sparse(),
        lambda: torch.empty(3, device="meta"),
        lambda: torch.ones(3, dtype=torch.complex32),
        lambda: np.array(["text"]),
        lambda: np.array([object()]),
        lambda: np.array(["2020-01-01"], "M8[s]"),
        lambda: np.zeros(3, np.longdouble),
        lambda: np.zeros(3, "i4,f4"),
        lambda: np.zeros(3, ml_dtypes.int4),
        lambda: "text",
        lambda: None,
        lambda: memoryview(b"abcdef")[::2],
        lambda: memoryview(np.arange(6, dtype=np.int16).reshape(2, 3).T),
        lambda: torch.ones([1] * 65),
    ],
    ids=range(14),
)
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_what_is_no_array(make_bad: Callable[[], Any]) -> None:
    bad = make_bad()
    with pytest.raises(BadInputError):
        codec.encode(bad)
    with pytest.raises(BadInputError):
        codec.encode_delta(bad, VALUES)
    with pytest.raises(BadInputError):
        codec.encode_delta(VALUES, bad)


@pytest.mark.parametrize(
    ("buffer", "dtype", "shape"),
    [
        (b"", "uint8", (0,)),
        (b"bytes", "uint8", (5,)),
        (bytearray(b"bytes"), "uint8", (5,)),
        (memoryview(b"bytes"), "uint8", (5,)),
        (memoryview(b"bytes").cast("c"), "uint8", (5,)),
        (memoryview(b"bytes!").cast("B", (2, 3)), "uint8", (6,)),
        (memoryview(b"\0\1").cast("?"), "bool", (2,)),
        (memoryview(arrays_of_c.array("f", [1, 2])), "float32", (2,)),
        (arrays_of_c.array("h", [1, 2, 3]), "int16", (3,)),
        (memoryview(np.arange(6, dtype=np.int16).reshape(2, 3)), "int16", (2, 3)),
        (5, "int64", ()),
        ([1.5, 2.5], "float64", (2,)),
    ],
    ids=range(12),
)
def test_buffers(buffer: Any, dtype: str, shape: tuple[int, ...]) -> None:
    got = codec.decode(codec.encode(buffer))
    assert (got.dtype.name, got.shape) == (dtype, shape)
    raw = buffer if isinstance(buffer, bytes | bytearray | memoryview) else np.asarray(buffer)
    assert got.tobytes() == raw if isinstance(raw, bytes | bytearray) else raw.tobytes()


@pytest.mark.parametrize(
    "wrap",
    [bytes, bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8),
     lambda b: np.frombuffer(b, np.int8), lambda b: arrays_of_c.array("B", b)],
    ids=["bytes", "bytearray", "memoryview", "numpy", "int8", "array"],
)  # fmt: skip
def test_blobs_may_be_any_buffer(wrap: Callable[[bytes], Any]) -> None:
    assert same(codec.decode(wrap(BLOB)), VALUES)


@pytest.mark.parametrize(
    "blob",
    [None, "text", 5, [1, 2], memoryview(BLOB + BLOB)[::2], np.frombuffer(BLOB * 2, "u1")[::2],
     torch.zeros(3), object()],
    ids=range(8),
)  # fmt: skip
def test_what_is_no_blob(blob: Any) -> None:
    with pytest.raises(BadInputError, match="a blob"):
        codec.decode(blob)
    with pytest.raises(BadInputError, match="a blob"):
        codec.decode_delta(blob, VALUES)


def test_out_is_returned_where_it_fits() -> None:
    out = np.empty_like(VALUES)
    assert codec.decode(BLOB, out=out) is out
    assert same(out, VALUES)
    delta = codec.encode_delta(moved(VALUES, "steps", 1), VALUES)
    assert codec.decode_delta(delta, VALUES, out=out) is out
    assert same(out, moved(VALUES, "steps", 1))
    number = np.empty((), np.float64)
    assert codec.decode(codec.encode(np.float64(2.5)), out=number) is number
    empty = np.empty((0, 3), np.int8)
    assert codec.decode(codec.encode(np.empty((0, 3), np.int8)), out=empty) is empty


@pytest.mark.parametrize(
    "make_out",
    [
        lambda: np.empty(VALUES.size, np.float32),
        lambda: np.empty(VALUES.shape, np.int32),
        lambda: np.empty(VALUES.nbytes, np.uint8),
        lambda: np.empty((1, *VALUES.shape), np.float32),
        lambda: bytearray(VALUES.nbytes),
        lambda: memoryview(bytearray(VALUES.nbytes)),
        lambda: arrays_of_c.array("d", [0] * (VALUES.nbytes // 8)),
        lambda: torch.empty(VALUES.shape),
        lambda: torch.empty(VALUES.shape, requires_grad=True),
        lambda: torch.empty(VALUES.shape, dtype=torch.int32),
    ],
    ids=range(10),
)
def test_out_of_other_makes(make_out: Callable[[], Any]) -> None:
    out = make_out()
    got = codec.decode(BLOB, out=out)
    assert same(got, VALUES)
    memory = out.detach().numpy() if isinstance(out, torch.Tensor) else out
    assert np.shares_memory(got, np.frombuffer(memory, np.uint8))
    assert bytes(memoryview(memory).cast("B")) == VALUES.tobytes()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.complex64])
def test_out_of_torch_dtypes_that_numpy_lacks(dtype: torch.dtype) -> None:
    tensor = (torch.arange(600).reshape(20, 30) % 9).to(dtype)
    out = torch.zeros_like(tensor)
    got = codec.decode(codec.encode(tensor), out=out)
    assert got.tobytes() == out.view(torch.uint8).numpy().tobytes()
    assert torch.equal(out.view(torch.uint8), tensor.view(torch.uint8))


@pytest.mark.parametrize(
    ("make_out", "kind"),
    [
        (lambda: np.empty((30, 39), np.float32), "bad_shape"),
        (lambda: bytearray(VALUES.nbytes + 1), "bad_shape"),
        (lambda: np.empty(0, np.float32), "bad_shape"),
        (lambda: torch.empty(5), "bad_shape"),
        (lambda: np.asfortranarray(VALUES), "bad_input"),
        (lambda: np.empty((30, 80), np.float32)[:, ::2], "bad_input"),
        (lambda: np.frombuffer(VALUES.tobytes(), np.float32), "bad_input"),
        (lambda: bytes(VALUES.nbytes), "bad_input"),
        (lambda: memoryview(bytes(VALUES.nbytes)), "bad_input"),
        (lambda: memoryview(bytearray(2 * VALUES.nbytes))[::2], "bad_input"),
        (lambda: np.empty(VALUES.shape, ">f4"), "bad_input"),
        (lambda: np.empty(VALUES.nbytes // 8, object), "bad_input"),
        (lambda: torch.empty(40, 30).T, "bad_input"),
        (lambda: torch.empty(VALUES.shape, device="meta"), "bad_input"),
        (lambda: [0] * VALUES.nbytes, "bad_input"),
        (lambda: "text", "bad_input"),
        (lambda: 5, "bad_input"),
    ],
    ids=range(17),
)
def test_out_that_cannot_hold_it(make_out: Callable[[], Any], kind: str) -> None:
    with pytest.raises(BadInputError) as caught:
        codec.decode(BLOB, out=make_out())
    assert caught.value.kind == kind


def test_out_may_be_the_base_or_lie_over_it() -> None:
    base = make("float32", (300_000,), "weights", 3)
    after = moved(base, "steps", 4)
    blob = codec.encode_delta(after, base)
    place = base.copy()
    assert codec.decode_delta(blob, place, out=place, threads=2) is place
    assert same(place, after)
    for shift in (1, 70_000):
        room = np.zeros(base.size + shift, np.float32)
        room[: base.size] = base
        got = codec.decode_delta(blob, room[: base.size], out=room[shift:])
        assert same(got, after)


def test_out_may_lie_over_the_blob() -> None:
    array = make("uint8", (5000,), "bits", 3)
    blob = codec.encode(array)
    room = bytearray(blob)
    got = codec.decode(memoryview(room), out=memoryview(room)[50:5050])
    assert got.tobytes() == array.tobytes()


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", None])
def test_threads_are_whole_numbers(threads: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: codec.encode(VALUES, threads=threads),
        lambda: codec.encode_delta(VALUES, VALUES, threads=threads),
        lambda: codec.decode(BLOB, threads=threads),
        lambda: codec.decode_delta(BLOB, VALUES, threads=threads),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="threads="):
            call()


def test_more_threads_than_there_can_be() -> None:
    for threads in (1000, 2**40, np.int64(3)):
        blob = codec.encode(VALUES, threads=threads)  # type: ignore[arg-type]
        assert same(codec.decode(blob, threads=threads), VALUES)  # type: ignore[arg-type]


@pytest.mark.parametrize("planes", [0, -1, 1.5, "2"])
def test_planes_are_whole_numbers(planes: Any) -> None:
    for call in (codec.decode, lambda blob, planes: codec.decode_delta(blob, VALUES, planes)):
        with pytest.raises(UsageError, match="planes="):
            call(BLOB, planes=planes)


def test_many_threads_of_python() -> None:
    """Calls side by side share nothing that one of them changes."""
    pairs = []
    for i in range(8):
        base = make("bfloat16", (20_000 + 999 * i,), "weights", i)
        pairs.append((moved(base, "steps", i), base))
    blobs = [codec.encode_delta(*pair) for pair in pairs]
    barrier = threading.Barrier(8)

    def work(i: int) -> bool:
        barrier.wait()
        after, base = pairs[i]
        return all(
            codec.encode_delta(after, base) == blobs[i]
            and same(codec.decode_delta(blobs[i], base), after)
            for _ in range(5)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
