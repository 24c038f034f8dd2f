"""Time what queries make of networks, and what running a network costs beside its module."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import modelhub
from bench.codec_resnet import ResNet
from bench.data import minilm_folder
from modelhub.net import Network, build, from_module
from modelhub.net.surgery import Layer, Surgeon, cut
from modelhub.optional import require

__all__ = ["interpreted", "large_chain", "made_of_large", "minilm_import_s"]

_ROUNDS = 15
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
    """Return the least milliseconds for a slice and a construct of a network of 1,000 nodes.

    The slice is its middle half; the construct puts a layer behind a convolution, and behind all.
    """
    names = [node.name for node in network.nodes]
    middle = names[len(names) // 4], names[3 * len(names) // 4]

    def construct(nodes: list[str]) -> None:
        surgeon = Surgeon(network)
        for name in nodes:
            surgeon.insert(name, [Layer("SIGMOID", f"after{name}")])
        surgeon.finish()

    return {
        "slice": _least_ms(lambda: cut(network, [middle[0]], [middle[1]])),
        "construct, one layer more": _least_ms(lambda: construct(names[:1])),
        "construct, 500 layers more": _least_ms(lambda: construct(names[::2])),
    }


def interpreted() -> dict[str, tuple[float, float]]:
    """Return the milliseconds of a forward of a module, and of the network made of it, by name."""
    found = {}
    minilm, tokens = _minilm()
    cases: tuple[tuple[str, nn.Module, tuple[Any, ...], dict[str, Any]], ...] = (
        ("ResNet-18, half the width, 8 images", ResNet(), (torch.randn(8, 1, 28, 28),), {}),
        ("MiniLM, 8 texts of 32 tokens", minilm, (), tokens),
    )
    for name, module, inputs, named in cases:
        module.eval()
        network = from_module(module, inputs, named or None, check=False)
        other = build(network, module.state_dict())
        found[name] = _beside(partial(module, *inputs, **named), partial(other, *inputs, **named))
    return found


def minilm_import_s() -> tuple[float, int]:
    """Return the seconds of a commit of MiniLM's folder with its network, and the nodes of that."""
    with (
        tempfile.TemporaryDirectory() as name,
        modelhub.Repository.init(Path(name) / "repository") as repository,
    ):
        begun = time.perf_counter()
        version = repository.commit("minilm", minilm_folder())
        seconds = time.perf_counter() - begun
        return seconds, len(version.network().nodes) if version.network().executable else 0


def _minilm() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    transformers: Any = require("transformers", "hf")
    config = transformers.AutoConfig.from_pretrained(minilm_folder())
    module: nn.Module = transformers.AutoModel.from_config(config, attn_implementation="sdpa")
    ids = torch.randint(0, 1000, (8, 32))
    return module, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _beside(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[float, float]:
    """Time two things in turn, so that other load on the machine falls on both."""
    least = [float("inf")] * 2
    with torch.no_grad():
        for _ in range(_ROUNDS):
            for number, work in enumerate((one, other)):
                begun = time.perf_counter()
                work()
                least[number] = min(least[number], time.perf_counter() - begun)
    return least[0] * 1e3, least[1] * 1e3


def _least_ms(work: Callable[[], Any], rounds: int = 3) -> float:
    least = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - begun)
    return least * 1e3
