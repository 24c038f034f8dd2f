"""Models to cut and change: the module, its network, and how to run what comes out."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import torch

from modelhub.net import Network, build, from_json, from_module, to_json
from modelhub.net.arguments import Ref
from modelhub.net.graph import Group
from modelhub.net.ops import find
from modelhub.net.surgery import Edited, initialise
from tests.net.models import MODELS

__all__ = ["Subject", "equal", "run", "subject"]


class Subject:
    """A model of tests/net/models.py."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(11)
        self._case = MODELS[name]
        self.module = self._case.make().eval()
        self.network: Network = from_module(self.module, (self._case.inputs(2),))
        self.weights = self.module.state_dict()

    def inputs(self, batch: int) -> Any:
        """Return an input, the same for the same batch."""
        torch.manual_seed(batch)
        return self._case.inputs(batch)

    def values(self, batch: int) -> dict[str, Any]:
        """Return what every node gives, and the input, by name."""
        nodes = [node for node in self.network.nodes if node.values[0].dtype != "int"]
        refs = [Ref(n.name, 0 if find(n.op).result == "Tensors" else None) for n in nodes]
        all_ = replace(self.network, outputs=Group("tuple", tuple(refs)))
        with torch.no_grad():
            found = build(all_, self.weights)(self.inputs(batch))
        values = {node.name: value for node, value in zip(nodes, found, strict=True)}
        return values | {next(iter(self.network.inputs)): self.inputs(batch)}


@functools.cache
def subject(name: str) -> Subject:
    """Return a subject; tests must not change it."""
    return Subject(name)


def run(edited: Edited, weights: Any, *args: Any, **kwargs: Any) -> Any:
    """Write the network as JSON, read it back, build it and run it."""
    network = from_json(to_json(edited.network))
    assert network == edited.network
    named = {t.name for t in network.tensors if t.role != "constant"}
    assert edited.kept.keys() | edited.fresh.keys() == named
    assert not edited.kept.keys() & edited.fresh.keys()
    module = build(network, initialise(edited, [weights], 5))
    with torch.no_grad():
        return module(*args, **kwargs)


def equal(one: Any, other: Any) -> bool:
    """Whether two tensors are equal, bit for bit."""
    return one.dtype == other.dtype and torch.equal(one, other)
