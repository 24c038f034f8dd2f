"""Time what queries make of networks: a slice and constructs of a network of 1,000 nodes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from modelhub.net import Network, from_module
from modelhub.net.surgery import Layer, Surgeon, cut

__all__ = ["large_chain", "made_of_large"]

_LAYERS = 500


def large_chain() -> Network:
    """Return a network of 1,000 nodes: convolutions and activations in turn."""
    layers: list[nn.Module] = []
    for _ in range(_LAYERS):
        layers += [nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()]
    found = from_module(nn.Sequential(*layers).eval(), (torch.zeros(1, 4, 8, 8),), check=False)
    assert len(found.nodes) == 2 * _LAYERS
    return found


def made_of_large(network: Network) -> dict[str, float]:
    """Return the least processor milliseconds for a slice and a construct of a network.

    The slice is its middle half; the construct puts a layer behind one convolution, or behind all.
    """
    names = [node.name for node in network.nodes]
    begin, end = names[len(names) // 4], names[3 * len(names) // 4]

    def construct(nodes: list[str]) -> None:
        surgeon = Surgeon(network)
        for name in nodes:
            surgeon.insert(name, [Layer("SIGMOID", f"after{name}")])
        surgeon.finish()

    return {
        "slice": _least_ms(lambda: cut(network, [begin], [end])),
        "construct, one layer more": _least_ms(lambda: construct(names[:1])),
        "construct, 500 layers more": _least_ms(lambda: construct(names[::2])),
    }


def _least_ms(work: Callable[[], Any], rounds: int = 3) -> float:
    least = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        work()
        least = min(least, time.process_time() - begun)
    return least * 1e3
