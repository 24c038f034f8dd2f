"""Code arrays as blobs and decode them."""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub import _core
from modelhub.codec.presets import PRESETS, Preset, base_as, can_be_base
from modelhub.errors import BadInputError, UsageError
from modelhub.tensors.arrays import Buffer, TensorSpec, from_bytes, is_torch, spec_of, to_bytes
from modelhub.tensors.dtypes import DType, by_code, by_name, numpy_dtype

__all__ = ["decode", "decode_delta", "encode", "encode_delta"]

Array = npt.NDArray[Any]

# Buffers of these are bytes, not numbers.
_BYTE_FORMATS = (None, "B", "c", "b")
# The core takes no more than there are blocks; a number beyond its own integers is as good as this.
_THREADS_MAX = 1 << 16


def _bytes_of(buffer: Any, what: str) -> npt.NDArray[np.uint8]:
    """Return a buffer's memory; `what` names it in the error if it is none."""
    try:
        view = memoryview(buffer)
    except (TypeError, ValueError, BufferError):
        name = type(buffer).__name__
        raise BadInputError(f"{what} of type {name}", expected="bytes or a buffer") from None
    if not view.c_contiguous:
        raise BadInputError(f"{what} that is not contiguous", expected="a contiguous buffer")
    return np.frombuffer(view, np.uint8) if view.nbytes else np.empty(0, np.uint8)


def _view(array: Any) -> tuple[TensorSpec, npt.NDArray[np.uint8]]:
    """Return dtype, shape and raw bytes; buffers that are no arrays are taken as uint8."""
    if isinstance(array, bytes | bytearray | memoryview):
        flat = _bytes_of(array, "a buffer")
        if not isinstance(array, memoryview) or array.format in _BYTE_FORMATS or flat.size == 0:
            return TensorSpec("uint8", (flat.size,)), flat
        array = np.asarray(array)
    if is_torch(array) and array.is_meta:
        raise BadInputError("a torch tensor on the device meta", expected="one with values")
    return spec_of(array), to_bytes(array)


def _at_least_one(value: Any, name: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise UsageError(f"{name}={value!r}", expected="a whole number") from None
    if number < 1:
        raise UsageError(f"{name}={number}", expected="1 or more")
    return number


def _threads(threads: Any) -> int:
    return min(_at_least_one(threads, "threads"), _THREADS_MAX)


def _check_preset(preset: Any) -> None:
    if not isinstance(preset, str) or preset not in PRESETS:
        raise UsageError(f"preset={preset!r}", expected="fast, default or dense")


def encode(array: Any, preset: Preset = "default", threads: int = 1) -> bytes:
    """Return an array as a blob.

    Args:
        array: A numpy array of a dtype of `modelhub.tensors.dtypes` (those of ml_dtypes too), of
            any shape and order, a torch tensor, or a contiguous buffer, whose bytes are then taken
            as they are. It must not change meanwhile.
        preset: "fast", "default" or "dense".
        threads: How many may work; the blob does not depend on it.

    Raises:
        BadInputError: the dtype is not supported.
        UsageError: no such preset, or less than one thread.
    """
    _check_preset(preset)
    threads = _threads(threads)
    spec, data = _view(array)
    row = by_name(spec.dtype)
    return _core.encode_blob(
        row.code, row.width, row.kind, spec.shape, data, preset=preset, threads=threads
    )


def encode_delta(array: Any, base: Any, preset: Preset = "default", threads: int = 1) -> bytes:
    """Return an array as a blob that needs `base` to be decoded, if that is smaller.

    The base may have another shape: what the two share, index by index, is coded as a difference.
    It may be float32 to a bfloat16 or float16 array, or the other way round.

    Raises:
        BadInputError: the dtypes cannot be compared.
    """
    _check_preset(preset)
    threads = _threads(threads)
    spec, data = _view(array)
    base_spec, base_data = _view(base)
    if not can_be_base(base_spec, spec):
        raise BadInputError(
            f"a {base_spec.dtype} base for a {spec.dtype} array",
            expected="the same dtype, or float32 and one of bfloat16 and float16",
            kind="bad_dtype",
        )
    row = by_name(spec.dtype)
    return _core.encode_blob(
        row.code,
        row.width,
        row.kind,
        spec.shape,
        data,
        preset=preset,
        base=base_data,
        base_as=base_as(base_spec, spec),
        threads=threads,
    )


def decode(blob: Buffer, planes: int | None = None, out: Any = None, threads: int = 1) -> Array:
    """Return the array in a blob, exact.

    Args:
        planes: Only so many leading bytes of each value are read; the others are zero.
        out: A writable C-contiguous array (or buffer) of the array's size to decode into. If it has
            the array's dtype and shape it is returned itself, else a view of it that has. It may
            be the base.

    Raises:
        CorruptionError: the blob is damaged; nothing is returned.
        UsageError: the blob needs a base.
    """
    return _decode(blob, None, planes, out, threads)


def decode_delta(
    blob: Buffer,
    base: Any,
    planes: int | None = None,
    out: Any = None,
    threads: int = 1,
) -> Array:
    """Return the array in a blob of `encode_delta`.

    Raises:
        BadInputError: `base` is not what the blob was coded against.
        CorruptionError: the blob is damaged.
    """
    return _decode(blob, _view(base)[1], planes, out, threads)


def _spec_of_blob(info: dict[str, Any]) -> tuple[DType, TensorSpec]:
    row = by_code(info["dtype_code"])
    spec = TensorSpec(row.name, tuple(info["shape"]))
    if info["width"] != row.width:
        raise BadInputError(
            f"{spec.dtype} coded as elements of {info['width']} bytes",
            expected=f"{row.width} bytes",
            where="the blob",
            kind="bad_dtype",
        )
    if spec.nbytes != info["raw_bytes"]:
        raise BadInputError(
            f"{info['raw_bytes']} bytes for a {spec.dtype} array of shape {list(spec.shape)}",
            expected=f"{spec.nbytes} bytes",
            where="the blob",
            kind="bad_shape",
        )
    return row, spec


def _decode(
    blob: Buffer,
    base: npt.NDArray[np.uint8] | None,
    planes: int | None,
    out: Any,
    threads: int,
) -> Array:
    threads = _threads(threads)
    kept = None if planes is None else _at_least_one(planes, "planes")
    data = _bytes_of(blob, "a blob")
    row, spec = _spec_of_blob(_core.blob_info(data))
    if kept is not None and kept >= row.width:
        kept = None
    target = np.empty(spec.nbytes, np.uint8) if out is None else _writable(out, spec)
    # What is read may not change meanwhile.
    shared = any(
        source is not None and np.may_share_memory(target, source) for source in (data, base)
    )
    room = np.empty_like(target) if shared else target
    _core.decode_blob(data, room, planes=kept, base=base, threads=threads)
    if shared:
        target[:] = room
    if isinstance(out, np.ndarray) and _is_like(out, spec):
        return out
    return from_bytes(target, spec)


def _is_like(out: Array, spec: TensorSpec) -> bool:
    same = out.dtype == numpy_dtype(spec.dtype) and out.shape == spec.shape
    return same and not by_name(spec.dtype).packed


def _writable(out: Any, spec: TensorSpec) -> npt.NDArray[np.uint8]:
    """Return the memory of `out` as bytes to write to."""
    flat = _torch_memory(out) if is_torch(out) else _memory(out)
    if flat.size != spec.nbytes:
        raise BadInputError(
            f"out= of {flat.size} bytes",
            expected=f"{spec.nbytes} bytes for {spec.dtype} {list(spec.shape)}",
            kind="bad_shape",
        )
    return flat


def _cannot_hold(out: Any) -> BadInputError:
    found = f"out= of type {type(out).__name__}"
    dtype = getattr(out, "dtype", None)
    return BadInputError(
        found if dtype is None else f"{found} and dtype {dtype}",
        expected="contiguous, writable memory of little-endian numbers",
    )


def _torch_memory(out: Any) -> npt.NDArray[np.uint8]:
    dense = str(out.layout) == "torch.strided" and not out.is_quantized
    if not dense or str(out.device) != "cpu" or not out.is_contiguous():
        raise _cannot_hold(out)
    uint8 = sys.modules["torch"].uint8
    flat: npt.NDArray[np.uint8] = out.detach().reshape(-1).view(uint8).numpy()
    return flat


def _memory(out: Any) -> npt.NDArray[np.uint8]:
    if isinstance(out, np.ndarray):
        swapped = out.dtype.byteorder == ">" or out.dtype.hasobject
        if swapped or not out.flags.c_contiguous or not out.flags.writeable:
            raise _cannot_hold(out)
        return out.reshape(-1).view(np.uint8) if out.size else np.empty(0, np.uint8)
    flat = _bytes_of(out, "out=")
    if flat.size and not flat.flags.writeable:
        raise _cannot_hold(out)
    return flat
