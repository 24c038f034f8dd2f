"""Rebuild models from JSON and weights alone in another process, and compare with the models."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from modelhub.net.from_torch import from_module
from modelhub.net.graph_json import from_json, to_json
from modelhub.net.module import build
from tests.net.models import Case
from tests.net.rebuild import results

__all__ = ["accepts_compile", "one_thread", "rebuild", "same"]

ROOT = Path(__file__).parents[2]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let sums be taken in one order, as in the program that rebuilds."""
    threads, fast_path = torch.get_num_threads(), torch.backends.mha.get_fastpath_enabled()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.backends.mha.set_fastpath_enabled(fast_path)


def rebuild(models: Mapping[str, Case], folder: Path) -> dict[str, tuple[Any, Any]]:
    """Return what each module gave, and what its network gave in another process."""
    expected = {}
    for name, case in models.items():
        torch.manual_seed(3)
        module = case.make()
        inputs = (case.inputs(2), case.inputs(5))
        network = from_module(module, (inputs[0],))
        data = to_json(network)
        assert from_json(data) == network
        (folder / f"{name}.json").write_bytes(data)
        given = {"weights": module.state_dict(), "inputs": inputs}
        torch.save(given, folder / f"{name}.pt")
        expected[name] = results(module, *inputs)
    program = str(Path(__file__).with_name("rebuild.py"))
    subprocess.run(
        [sys.executable, program, str(folder)],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
    )
    return {
        name: (found, torch.load(folder / f"{name}.out", weights_only=True))
        for name, found in expected.items()
    }


def same(pair: tuple[Any, Any], what: str) -> None:
    """Compare one of the results: the same names, dtypes and bits."""
    expected, found = (each[what] for each in pair)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
    flat = torch.utils._pytree.tree_leaves
    pairs = list(zip(flat(expected), flat(found), strict=True))
    assert len(pairs) > 0
    for left, right in pairs:
        assert left.dtype == right.dtype
        assert torch.equal(left, right)


def accepts_compile(case: Case) -> None:
    """Compile the network's module whole, in both modes, and compare it with the model's.

    Names and ties of the state dict are looked at on the way.
    """
    torch.manual_seed(1)
    original, inputs = case.make(), case.inputs(2)
    module = build(from_module(original, (inputs,)), original.state_dict())
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
