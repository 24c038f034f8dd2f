"""Code arrays as blobs and decode them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub import _core
from modelhub.codec.presets import Preset, base_as, can_be_base
from modelhub.errors import BadInputError, UsageError
from modelhub.tensors.arrays import Buffer, TensorSpec, from_bytes, is_torch, spec_of, to_bytes
from modelhub.tensors.dtypes import DType, by_code, by_name, numpy_dtype

__all__ = ["decode", "decode_delta", "encode", "encode_delta"]

Array = npt.NDArray[Any]


def _view(array: Any) -> tuple[TensorSpec, npt.NDArray[np.uint8]]:
    """Return dtype, shape and raw bytes; buffers that are no arrays are taken as uint8."""
    if isinstance(array, bytes | bytearray | memoryview):
        view = memoryview(array)
        if not view.c_contiguous:
            raise BadInputError("a buffer that is not contiguous", expected="a contiguous one")
        flat = np.frombuffer(view, np.uint8) if view.nbytes else np.empty(0, np.uint8)
        if view.format in (None, "B", "c", "b") or view.nbytes == 0:
            return TensorSpec("uint8", (flat.size,)), flat
        array = np.asarray(view)
    return spec_of(array), to_bytes(array)


def _check_threads(threads: int) -> None:
    if threads < 1:
        raise UsageError(f"threads={threads}", expected="1 or more")


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
        UsageError: no such preset.
    """
    _check_threads(threads)
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
    _check_threads(threads)
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
            the array's dtype and shape it is returned itself, else a view of it that has.

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
    _check_threads(threads)
    info = _core.blob_info(blob)
    row, spec = _spec_of_blob(info)
    if planes is not None and planes < 1:
        raise UsageError(f"planes={planes}", expected="1 or more")
    kept = None if planes is None or planes >= row.width else planes
    target = np.empty(spec.nbytes, np.uint8) if out is None else _writable(out, spec)
    _core.decode_blob(blob, target, planes=kept, base=base, threads=threads)
    if isinstance(out, np.ndarray) and _is_like(out, spec):
        return out
    return from_bytes(target, spec)


def _is_like(out: Array, spec: TensorSpec) -> bool:
    same = out.dtype == numpy_dtype(spec.dtype) and out.shape == spec.shape
    return same and not by_name(spec.dtype).packed


def _writable(out: Any, spec: TensorSpec) -> npt.NDArray[np.uint8]:
    """Return `out` as bytes to write to."""
    if is_torch(out):
        out = out.detach().numpy()
    if isinstance(out, np.ndarray):
        if not out.flags.c_contiguous or not out.flags.writeable:
            raise BadInputError("out= is not contiguous or not writable", expected="both")
        flat = out.reshape(-1).view(np.uint8) if out.size else np.empty(0, np.uint8)
    else:
        view = memoryview(out)
        if view.readonly or not view.c_contiguous:
            raise BadInputError("out= is not contiguous or not writable", expected="both")
        flat = np.frombuffer(view, np.uint8) if view.nbytes else np.empty(0, np.uint8)
    if flat.size != spec.nbytes:
        raise BadInputError(
            f"out= of {flat.size} bytes",
            expected=f"{spec.nbytes} bytes for {spec.dtype} {list(spec.shape)}",
            kind="bad_shape",
        )
    return flat
