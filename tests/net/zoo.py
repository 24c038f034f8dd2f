"""Rebuild models from JSON and weights alone in another process, and compare with the models."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from modelhub.net.from_torch import from_module
from modelhub.net.graph import Network
from modelhub.net.graph_json import from_json, to_json
from modelhub.net.module import build
from tests.net.models import Case
from tests.net.rebuild import results

__all__ = ["Rebuilt", "accepts_compile", "one_thread", "rebuild", "same"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Rebuilt:
    """A module with its network, and what each gave, the network in another process."""

    module: Any
    network: Network
    weights: Any
    inputs: Any
    expected: Any
    found: Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Let sums be taken in one order, as in the program that rebuilds."""
    threads, fast_path = torch.get_num_threads(), torch.backends.mha.get_fastpath_enabled()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.backends.mha.set_fastpath_enabled(fast_path)


def rebuild(models: Mapping[str, Case], folder: Path) -> dict[str, Rebuilt]:
    """Run and train each module here, and its network in another process."""
    rebuilt = {}
    for name, case in models.items():
        torch.manual_seed(3)
        module = case.make()
        inputs = (case.inputs(2), case.inputs(5))
        network = from_module(module, (inputs[0],))
        data = to_json(network)
        assert from_json(data) == network
        (folder / f"{name}.json").write_bytes(data)
        weights = copy.deepcopy(module.state_dict())
        torch.save({"weights": weights, "inputs": inputs}, folder / f"{name}.pt")
        expected = results(module, *inputs)
        rebuilt[name] = Rebuilt(module, network, weights, inputs[0], expected, None)
    program = str(Path(__file__).with_name("rebuild.py"))
    subprocess.run(
        [sys.executable, program, str(folder)],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
    )
    return {
        name: replace(made, found=torch.load(folder / f"{name}.out", weights_only=True))
        for name, made in rebuilt.items()
    }


def same(made: Rebuilt, what: str) -> None:
    """Compare one of the results: the same names, dtypes and bits."""
    expected, found = made.expected[what], made.found[what]
    if isinstance(expected, dict):
        assert list(found) == list(expected)
    flat = torch.utils._pytree.tree_leaves
    pairs = list(zip(flat(expected), flat(found), strict=True))
    assert len(pairs) > 0
    for left, right in pairs:
        assert left.dtype == right.dtype
        assert torch.equal(left, right)


def accepts_compile(made: Rebuilt) -> None:
    """Compile the network's module whole, in both modes, and compare it with the model's.

    Names and ties of the state dict are looked at on the way.
    """
    original, inputs = made.module, made.inputs
    original.load_state_dict(made.weights)
    module = build(made.network, made.weights)
    assert list(module.state_dict()) == list(original.state_dict())
    assert _ties(module) == _ties(original)
    torch._dynamo.reset()
    torch.backends.mha.set_fastpath_enabled(False)
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    flat = torch.utils._pytree.tree_leaves
    for training in (False, True):
        original.train(training)
        module.train(training)
        with torch.no_grad():
            torch.manual_seed(5)
            expected = flat(original(inputs))
            torch.manual_seed(5)
            found = flat(compiled(inputs))
        for left, right in zip(expected, found, strict=True):
            assert torch.equal(left, right)


def _ties(module: Any) -> list[list[str]]:
    names: dict[int, list[str]] = {}
    for name, value in module.state_dict(keep_vars=True).items():
        names.setdefault(id(value), []).append(name)
    return [group for group in names.values() if len(group) > 1]
