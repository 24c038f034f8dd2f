"""Guards are beyond what float32 programs really differ by, and grow with the dtype's rounding."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import from_module  # noqa: E402
from modelhub.progressive.guards import guard_of  # noqa: E402
from modelhub.progressive.propagate import evaluate  # noqa: E402

nn = torch.nn


@pytest.mark.parametrize(
    ("dtype", "guard"),
    [("float32", 1e-4), ("float64", 1e-4 * 2.0**-29), ("bfloat16", 1e-4 * 2.0**16)],
)
def test_of_each_dtype(dtype: str, guard: float) -> None:
    model = nn.Sequential(nn.Linear(4, 3)).to(getattr(torch, dtype)).eval()
    network = from_module(model, (torch.rand(2, 4, dtype=getattr(torch, dtype)),))
    assert guard_of(network) == guard


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_programs_differ_by_less(dtype: str) -> None:
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for _ in range(12):
        layers += [nn.Linear(64, 64), nn.LayerNorm(64), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(64, 10)).to(getattr(torch, dtype)).eval()
    x = torch.randn(200, 64, dtype=getattr(torch, dtype))
    network = from_module(model, (x[:2],))
    weights = model.state_dict()
    (wanted,) = evaluate(network, weights, {next(iter(network.inputs)): x})
    with torch.inference_mode():
        apart = (model(x).double() - wanted).abs().max().item()
    assert 0 < 2 * apart < guard_of(network)
