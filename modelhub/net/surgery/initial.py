"""Give a changed network its weights: those of its sources as they are, new ones by a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelhub.net.graph import Tensor
from modelhub.net.surgery.edited import Edited, Fresh, SurgeryError
from modelhub.tensors.arrays import TensorSpec, from_bytes, is_torch, to_bytes
from modelhub.tensors.dtypes import numpy_dtype

__all__ = ["initialise"]


def initialise(
    edited: Edited, sources: Sequence[Mapping[str, Any]], seed: int
) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    """Return all weights of a changed network, by name.

    Kept tensors are those of the sources, bit for bit and not copied if they are arrays; fresh ones
    are drawn as torch's own layers draw theirs. What is drawn for a tensor depends on its name, its
    shape and the seed alone, so a layer more elsewhere changes nothing. Tied tensors are one array.

    Args:
        edited: What surgery returned.
        sources: The weights of each source network by name, as arrays of numpy or torch.
        seed: Any whole number from 0 on.

    Raises:
        SurgeryError: a source or a weight in it is missing, or is of another form.
    """
    found: dict[str, Any] = {}
    for tensor in edited.network.tensors:
        if tensor.role == "constant":
            continue
        if tensor.tied and tensor.tied in found:
            found[tensor.name] = found[tensor.tied]
        elif tensor.name in edited.kept:
            number, name = edited.kept[tensor.name]
            found[tensor.name] = _kept(tensor, sources, number, name)
        else:
            found[tensor.name] = _fresh(tensor, edited.fresh[tensor.name], seed)
    return found


def _kept(
    tensor: Tensor, sources: Sequence[Mapping[str, Any]], number: int, name: str
) -> np.ndarray[Any, np.dtype[Any]]:
    if number >= len(sources) or name not in sources[number]:
        raise SurgeryError(f"the weights of source {number} lack {name!r}")
    value = sources[number][name]
    if is_torch(value):
        spec = TensorSpec(tensor.dtype, tuple(value.shape))
        value = from_bytes(to_bytes(value), spec)
    dtype = str(value.dtype)
    if (dtype, tuple(value.shape)) != (tensor.dtype, tensor.shape):
        raise SurgeryError(
            f"the weight {name} of source {number} is {dtype} {list(value.shape)}; the network "
            f"says {tensor.dtype} {list(tensor.shape)}"
        )
    return value  # type: ignore[no-any-return]


def _fresh(tensor: Tensor, fresh: Fresh, seed: int) -> np.ndarray[Any, np.dtype[Any]]:
    dtype = numpy_dtype(tensor.dtype)
    if fresh.rule in ("ones", "zeros"):
        return np.full(tensor.shape, fresh.rule == "ones").astype(dtype)
    digest = hashlib.blake2b(f"{seed}/{fresh.seed_name}".encode(), digest_size=16).digest()
    # Raw bits of a generator stay the same in all versions of numpy; its distributions may not.
    bits = np.random.Philox(key=int.from_bytes(digest, "little"))
    count = int(np.prod(tensor.shape, dtype=np.int64))
    if fresh.rule == "uniform":
        values = (_unit(bits, count) * 2 - 1) * fresh.bound
    else:
        values = _normal(bits, count)
    values = values.reshape(tensor.shape)
    if fresh.row >= 0:
        values[fresh.row] = 0
    return values.astype(dtype)


def _unit(bits: np.random.Philox, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return numbers from 0 to below 1."""
    return (bits.random_raw(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _normal(bits: np.random.Philox, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return numbers of the normal distribution, by the method of Box and Muller."""
    half = (count + 1) // 2
    radius = np.sqrt(-2 * np.log1p(-_unit(bits, half)))
    angle = 2 * np.pi * _unit(bits, half)
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
