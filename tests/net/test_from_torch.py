"""Networks that stand for their modules: bit for bit, in both modes, without the source."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelhub.net.from_torch import from_module
from modelhub.net.graph_json import from_json, to_json

torch = pytest.importorskip("torch")

from tests.net.models import MODELS  # noqa: E402
from tests.net.rebuild import results  # noqa: E402

nn = torch.nn
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    threads, fast_path = torch.get_num_threads(), torch.backends.mha.get_fastpath_enabled()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.backends.mha.set_fastpath_enabled(fast_path)


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """What each module gave, and what its network gave in another process."""
    folder = tmp_path_factory.mktemp("networks")
    expected = {}
    for name, case in MODELS.items():
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


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("what", ["outputs", "trained", "gradients", "state"])
def test_bit_equal(rebuilt: dict[str, tuple[Any, Any]], name: str, what: str) -> None:
    expected, found = (each[what] for each in rebuilt[name])
    if isinstance(expected, dict):
        assert list(found) == list(expected)
    flat = torch.utils._pytree.tree_leaves
    pairs = list(zip(flat(expected), flat(found), strict=True))
    assert len(pairs) > 0
    for left, right in pairs:
        assert left.dtype == right.dtype
        assert torch.equal(left, right)
