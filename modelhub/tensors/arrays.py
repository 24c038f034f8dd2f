"""Turn arrays into raw bytes and back, bit for bit.

Only views and byte copies are used, never arithmetic or casts, so signalling NaNs, negative zeros
and odd bool bytes survive. Torch tensors are recognised by what they can do; torch is not imported.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub.errors import BadInputError
from modelhub.tensors.dtypes import by_name, from_numpy, numpy_dtype

__all__ = [
    "Buffer",
    "Bytes",
    "TensorSpec",
    "contiguous_strides",
    "from_bytes",
    "is_torch",
    "spec_of",
    "strided",
    "to_bytes",
]

Bytes = npt.NDArray[np.uint8]
Buffer = bytes | bytearray | memoryview | npt.NDArray[Any]

_PACKED_IN_TORCH = {"float4_e2m1fn_x2": ("float4_e2m1fn", 2)}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor's dtype by name and its shape; a packed dtype's shape counts values, not bytes."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Values; 1 for zero dimensions."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Raw bytes; a packed tensor's last byte may be partly used."""
        return (self.count * by_name(self.dtype).bits + 7) // 8


def is_torch(array: object) -> bool:
    """Tell whether an array is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def spec_of(array: Any) -> TensorSpec:
    """Return the dtype and shape of a numpy array or torch tensor.

    Raises:
        BadInputError: the dtype is not in the table, or a torch tensor is sparse or quantized.
    """
    if not is_torch(array):
        array = np.asarray(array)
        return TensorSpec(from_numpy(array.dtype).name, tuple(int(n) for n in array.shape))
    name = str(array.dtype).removeprefix("torch.")
    shape = [int(n) for n in array.shape]
    if str(array.layout) != "torch.strided" or array.is_quantized:
        raise BadInputError(
            f"a torch tensor of layout {array.layout} and dtype {name}",
            expected="a dense tensor that is not quantized",
            hint="give its parts, such as indices and values, as tensors of their own",
            kind="bad_dtype",
        )
    if name in _PACKED_IN_TORCH and shape:
        name, parts = _PACKED_IN_TORCH[name]
        shape[-1] *= parts
    return TensorSpec(by_name(name).name, tuple(shape))


def to_bytes(array: Any) -> Bytes:
    """Return an array's raw bytes in C order and little-endian, without a copy where that is so.

    Takes numpy arrays of any order, stride and endianness, and torch tensors on any device. The
    result may share the array's memory: do not write to it.
    """
    spec_of(array)
    return _torch_bytes(array) if is_torch(array) else _numpy_bytes(np.asarray(array))


def _numpy_bytes(array: npt.NDArray[Any]) -> Bytes:
    if array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big"):
        array = array.byteswap()
    # Contiguous copies go through an integer view where there is one: a float copy may quieten a
    # signalling NaN on hardware that loads it into a float register.
    if array.dtype.itemsize in (1, 2, 4, 8) and not array.flags.c_contiguous:
        array = array.view(np.dtype(f"u{array.dtype.itemsize}"))
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _torch_bytes(tensor: Any) -> Bytes:
    torch = sys.modules["torch"]
    dense = tensor.detach().cpu().resolve_conj().resolve_neg()
    width = dense.element_size() // (2 if dense.is_complex() else 1)
    if not dense.is_contiguous():
        # As integers for the same reason as above, and so that odd bool bytes stay as they are.
        real = torch.view_as_real(dense) if dense.is_complex() else dense
        words = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
        dense = real.view(words[width]).contiguous()
    data: Bytes = dense.reshape(-1).view(torch.uint8).numpy()
    if sys.byteorder == "big":
        data = data.view(np.dtype(f"u{width}")).byteswap().view(np.uint8)
    return data


def _flat(buffer: Buffer) -> Bytes:
    view = buffer.data if isinstance(buffer, np.ndarray) else memoryview(buffer)
    if view.nbytes == 0:
        return np.empty(0, np.uint8)
    return np.frombuffer(view, np.uint8)


def from_bytes(buffer: Buffer, spec: TensorSpec) -> npt.NDArray[Any]:
    """Return the array whose raw bytes these are, without a copy, as writable as the buffer is.

    A packed dtype gives its bytes as a flat uint8 array.

    Raises:
        BadInputError: the buffer is shorter or longer than the dtype and shape ask for.
    """
    data = _flat(buffer)
    if data.size != spec.nbytes:
        raise BadInputError(
            f"{data.size} bytes for a {spec.dtype} tensor of shape {list(spec.shape)}",
            expected=f"{spec.nbytes} bytes",
            kind="bad_shape",
        )
    if by_name(spec.dtype).packed:
        return data
    return data.view(numpy_dtype(spec.dtype)).reshape(spec.shape)


def strided(
    buffer: Buffer,
    spec: TensorSpec,
    offset_elements: int = 0,
    strides: tuple[int, ...] | None = None,
) -> npt.NDArray[Any]:
    """Return a read-only view of a stored run of values, as torch's storages are viewed.

    Args:
        buffer: The storage's raw bytes; bytes after the last whole value are ignored.
        spec: The view's own dtype and shape. A packed dtype must be the whole storage.
        offset_elements: Values before the first one of the view.
        strides: In values; None for a contiguous view.

    Raises:
        BadInputError: the view reaches outside the buffer.
    """
    if by_name(spec.dtype).packed:
        return from_bytes(buffer, spec)
    dtype = numpy_dtype(spec.dtype)
    data = _flat(buffer)
    steps = strides if strides is not None else contiguous_strides(spec.shape)
    if len(steps) != len(spec.shape):
        raise BadInputError(
            f"{len(steps)} strides for {len(spec.shape)} dimensions", kind="bad_shape"
        )
    if spec.count == 0:
        return np.empty(spec.shape, dtype)
    last = offset_elements + sum(
        (size - 1) * step for size, step in zip(spec.shape, steps, strict=True)
    )
    if offset_elements < 0 or min(steps, default=0) < 0 or (last + 1) * dtype.itemsize > data.size:
        raise BadInputError(
            f"a view of shape {list(spec.shape)}, strides {list(steps)} and offset "
            f"{offset_elements} on {data.size // dtype.itemsize} values",
            expected="a view that lies inside its storage",
            kind="bad_shape",
        )
    # Not as_strided: it goes through a type's text, and numpy has none for fp8.
    view: npt.NDArray[Any] = np.ndarray(
        spec.shape,
        dtype,
        data,
        offset_elements * dtype.itemsize,
        tuple(step * dtype.itemsize for step in steps),
    )
    view.flags.writeable = False
    return view


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides, in values, of an array in C order."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
    return tuple(strides)
