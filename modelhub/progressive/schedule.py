"""Schedules: how many leading bytes of each tensor are read, more for layers near the input.

Intervals grow by a factor with every layer, so what an early layer leaves open counts most, while
in most networks for images late layers hold most bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelhub.net.graph import Network
from modelhub.progressive.boxes import DTYPES
from modelhub.tensors.dtypes import by_name

__all__ = ["layers", "sloped", "uniform"]


def layers(network: Network) -> dict[str, int]:
    """Return the layer of each tensor that a schedule may cut, counted from the input.

    Those are parameters and buffers of floats with two dimensions or more. A *layer* is a node that
    reads one; numbers follow the order of nodes, which is topological. A tensor that several nodes
    read has the number of the first. Of tied tensors only the one that has the storage is named.
    """
    stored = {tensor.name: tensor.tied or tensor.name for tensor in network.tensors}
    cut = {
        tensor.name
        for tensor in network.tensors
        if len(tensor.shape) >= 2
        and tensor.role != "constant"
        and not tensor.tied
        and tensor.dtype in DTYPES
    }
    found: dict[str, int] = {}
    count = 0
    for node in network.nodes:
        read = {stored[name] for name in node.parameters} & cut
        for name in read - found.keys():
            found[name] = count
        count += bool(read)
    return found


def sloped(network: Network, bits: int, slope: float) -> dict[str, int]:
    """Return leading bytes per tensor: `bits` for the last layer, `slope` more for each before it.

    bits_l = min(width, bits + slope (L - 1 - l)), rounded up to whole bytes, at least one. Tensors
    that are not cut (`layers`) are read whole; tied tensors have the same number.

    Raises:
        ValueError: a number is negative.
    """
    if bits < 0 or slope < 0:
        raise ValueError(f"bits={bits}, slope={slope}: neither may be negative")
    numbers = layers(network)
    last = max(numbers.values(), default=0)
    return _planes(network, {n: bits + slope * (last - layer) for n, layer in numbers.items()})


def uniform(network: Network, planes: int) -> dict[str, int]:
    """Return the same leading bytes for every tensor that is cut, at least one."""
    return _planes(network, dict.fromkeys(layers(network), 8.0 * planes))


def _planes(network: Network, bits: Mapping[str, float]) -> dict[str, int]:
    found = {}
    for tensor in network.tensors:
        if tensor.role == "constant":
            continue
        width = by_name(tensor.dtype).itemsize
        asked = bits.get(tensor.tied or tensor.name)
        whole = width if asked is None else -int(-asked // 8)
        found[tensor.name] = min(width, max(1, whole))
    return found
