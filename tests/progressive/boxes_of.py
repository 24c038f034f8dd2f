"""Boxes for tests: around values, of leading bytes, and members of them, corners first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from modelhub.net import Network, from_module
from modelhub.progressive.boxes import weights_box
from modelhub.progressive.intervals import Interval, point

__all__ = ["around", "boxed", "members", "network_and_weights", "within"]


def around(values: torch.Tensor, radius: float) -> Interval:
    """An interval of random width up to 2 radius; a third of the values are known exactly."""
    values = values.double()
    width = torch.rand_like(values) * radius * (torch.rand_like(values) > 0.33)
    lo = values - width * torch.rand_like(values)
    return Interval(lo, torch.maximum(lo, values + width * torch.rand_like(values)))


def members(x: Interval, count: int) -> Iterator[torch.Tensor]:
    """Both ends, then corners and inner values by turns."""
    yield x.lo
    yield x.hi
    for turn in range(count):
        share = torch.rand_like(x.lo)
        if turn % 2:
            share = share.round()
        inner = x.lo + share * (x.hi - x.lo)
        yield torch.minimum(torch.maximum(inner, x.lo), x.hi)


def within(value: torch.Tensor, x: Interval) -> bool:
    return bool(((x.lo <= value) & (value <= x.hi)).all())


def network_and_weights(
    model: torch.nn.Module, example: torch.Tensor
) -> tuple[Network, dict[str, torch.Tensor]]:
    network = from_module(model, (example,))
    held = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    names = [t.name for t in network.tensors if t.role != "constant"]
    tied = {t.name: t.tied or t.name for t in network.tensors}
    return network, {name: (held.get(name, held.get(tied[name]))).detach() for name in names}


def boxed(weights: Mapping[str, torch.Tensor], planes: Mapping[str, int]) -> dict[str, Any]:
    """The boxes of float32 weights by how many bytes of each are read; others are exact."""
    found: dict[str, Any] = {}
    for name, value in weights.items():
        if value.is_floating_point():
            lo, hi = weights_box(value.numpy(), planes[name])
            exact = planes[name] >= 4
            low = torch.from_numpy(lo)
            found[name] = point(low) if exact else Interval(low, torch.from_numpy(hi))
        else:
            found[name] = value
    return found
