"""Say which names a torch pickle may mention, and what stands for each.

The table follows what torch itself admits with `weights_only=True`, plus plain numpy arrays. A
*storage reference* names a storage of the file by key; a *tensor reference* is a view of one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modelhub.containers.npy import plain_dtype
from modelhub.containers.pickle_safe import Constructor, Table
from modelhub.containers.pickle_values import (
    Encoded,
    Global,
    Items,
    NumpyArray,
    NumpyDtype,
    Opaque,
)
from modelhub.tensors.dtypes import by_name, numpy_dtype

__all__ = ["DTYPES", "TABLE", "StorageRef", "TensorRef", "storage_dtype", "storage_itemsize"]

# torch.<name> -> our dtype; empty for those that no tensor of ours can have.
DTYPES: dict[str, str] = {
    **{
        name: name
        for name in (
            "uint8", "int8", "bool", "uint16", "int16", "uint32", "int32", "uint64", "int64",
            "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
            "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz",
            "float8_e8m0fnu",
        )
    },
    **dict.fromkeys(
        (
            "complex32", "qint8", "quint8", "qint32", "quint4x2", "quint2x4", "float4_e2m1fn_x2",
            "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2",
            *(f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8)),
        ),
        "",
    ),
}  # fmt: skip

_STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "CharStorage": "int8", "ByteStorage": "uint8",
    "ShortStorage": "int16", "IntStorage": "int32", "LongStorage": "int64",
    "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "UntypedStorage": "uint8",
    "QInt8Storage": "", "QUInt8Storage": "", "QInt32Storage": "", "QUInt4x2Storage": "",
    "QUInt2x4Storage": "",
}  # fmt: skip

# complex128, the widest.
_SCALAR_BYTES_MAX = 16


@dataclass(frozen=True, slots=True)
class StorageRef:
    """A storage by key: dtype (empty if not ours), values, and where a storage view begins."""

    key: str
    dtype: str
    count: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A tensor on a storage; offset and strides in values."""

    storage: StorageRef
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def storage_dtype(kind: object) -> str:
    """Return the dtype of a storage class; raises TypeError for what is none."""
    if isinstance(kind, Global) and kind.name in _STORAGES:
        return _STORAGES[kind.name]
    raise TypeError("a storage of no known class")


def storage_itemsize(kind: object) -> int:
    """Return the bytes of one value of a storage class, quantized ones included."""
    dtype = storage_dtype(kind)
    if dtype:
        return by_name(dtype).itemsize
    return 4 if isinstance(kind, Global) and kind.name == "QInt32Storage" else 1


def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not all(type(number) is int for number in value):
        raise TypeError("a size or stride that is no tuple of integers")
    if any(not 0 <= number < 1 << 63 for number in value):
        raise ValueError("a size or stride out of range")
    return value


def _tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> object:
    if not isinstance(storage, StorageRef) or type(offset) is not int or offset < 0:
        raise TypeError("a tensor without a storage")
    shape, strides = _numbers(size), _numbers(stride)
    if len(shape) != len(strides):
        raise ValueError("a tensor with more sizes than strides, or fewer")
    return TensorRef(storage, storage.dtype, storage.start + offset, shape, strides)


def _tensor_of_dtype(*arguments: object) -> object:
    storage, offset, size, stride, _, _, dtype, *_ = arguments
    made = _tensor(storage, offset, size, stride)
    if not isinstance(made, TensorRef) or not isinstance(dtype, Global):
        raise TypeError("a tensor without a dtype")
    return replace(made, dtype=DTYPES[dtype.name])


def _parameter(data: object, *_: object) -> object:
    return data


def _from_type(function: object, kind: object, arguments: object, *_: object) -> object:
    if not isinstance(function, Global) or not isinstance(kind, Global):
        raise TypeError("a tensor without a class")
    constructor = TABLE.get(function.path)
    if constructor is None or not isinstance(arguments, tuple) or len(arguments) > 16:
        raise TypeError("a tensor that no known function makes")
    return constructor(*arguments)


def _device(*parts: object) -> object:
    return ":".join(str(part) for part in parts if isinstance(part, (str, int)))


def _first(value: object = (), *_: object) -> object:
    # The argument itself, not a copy: it may be large, and be an argument many times.
    return value


def _default_dict(_: object = None, first: object = None) -> object:
    return Items(first)


def _opaque(what: str) -> Constructor:
    return lambda *_: Opaque(what)


def _encode(text: object, encoding: object = "latin1") -> object:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise TypeError("text to encode in another way than latin1")
    return Encoded(text)


def _numpy_scalar(dtype: object, value: object = None) -> object:
    if isinstance(value, Encoded) and len(value.text) <= _SCALAR_BYTES_MAX:
        value = value.data()
    name, swapped = plain_dtype(dtype.descr) if isinstance(dtype, NumpyDtype) else ("", False)
    if not name or not isinstance(value, bytes) or len(value) != by_name(name).itemsize:
        return Opaque("a numpy value")
    number = np.frombuffer(value, numpy_dtype(name))
    return (number.byteswap() if swapped else number)[0].item()


def _numpy_dtype(code: object, *_: object) -> object:
    if not isinstance(code, str) or len(code) > 16:
        return Opaque("numpy dtype")
    order = code[:1] if code[:1] in "<>|" else "<"
    return NumpyDtype(code.lstrip("<>|="), order)


def _numpy_from_buffer(values: Any, dtype: object, shape: object, order: object) -> object:
    array = NumpyArray()
    array.build((1, shape, dtype, order == "F", values))
    return array


def _torch_names() -> dict[str, Constructor | None]:
    storages = dict.fromkeys(
        f"{module}.{name}"
        for module in ("torch", "torch.cuda", "torch.storage")
        for name in _STORAGES
    )
    utils: dict[str, Constructor | None] = {
        "_rebuild_tensor": _tensor,
        "_rebuild_tensor_v2": _tensor,
        "_rebuild_tensor_v3": _tensor_of_dtype,
        "_rebuild_parameter": _parameter,
        "_rebuild_parameter_with_state": _parameter,
        "_rebuild_qtensor": _opaque("a quantized tensor"),
        "_rebuild_sparse_tensor": _opaque("a sparse tensor"),
        "_rebuild_nested_tensor": _opaque("a nested tensor"),
        "_rebuild_meta_tensor_no_storage": _opaque("a tensor without values"),
        "_rebuild_device_tensor_from_numpy": _parameter,
        "_rebuild_device_tensor_from_cpu_tensor": _parameter,
    }
    layouts = ("strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
    schemes = ("per_tensor_affine", "per_channel_affine", "per_channel_affine_float_qparams")
    return {
        **storages,
        **{f"torch.{name}": None for name in (*DTYPES, *layouts, *schemes)},
        **{f"torch._utils.{name}": made for name, made in utils.items()},
        **dict.fromkeys(("torch.Tensor", "torch.nn.parameter.Parameter")),
        **dict.fromkeys(("torch.nn.parameter.Buffer", "torch.nn.Parameter")),
        "torch._tensor._rebuild_from_type_v2": _from_type,
        "torch.serialization._get_layout": _opaque("a layout"),
        "torch.device": _device,
        "torch.Size": _first,
    }


def _numpy_names() -> dict[str, Constructor | None]:
    names: dict[str, Constructor | None] = {"numpy.ndarray": None, "numpy.dtype": _numpy_dtype}
    for package in ("numpy.core", "numpy._core"):
        names[f"{package}.multiarray._reconstruct"] = lambda *_: NumpyArray()
        names[f"{package}.multiarray.scalar"] = _numpy_scalar
        names[f"{package}.numeric._frombuffer"] = _numpy_from_buffer
    return names


TABLE: Table = {
    **_torch_names(),
    **_numpy_names(),
    "collections.OrderedDict": Items,
    "collections.Counter": Items,
    "collections.defaultdict": _default_dict,
    "_codecs.encode": _encode,
    **{
        f"{module}.{name}": _first
        for module in ("builtins", "__builtin__")
        for name in ("set", "frozenset", "list", "tuple", "bytearray")
    },
    **{
        f"{module}.{name}": None
        for module in ("builtins", "__builtin__")
        for name in ("int", "float", "bool", "str", "bytes")
    },
    **{f"{module}.dict": Items for module in ("builtins", "__builtin__")},
    **{f"{module}.complex": _opaque("a number") for module in ("builtins", "__builtin__")},
}
