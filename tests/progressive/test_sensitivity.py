"""The deviation of a margin: exact where the margin is linear, and right where it is nearly so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from modelhub.net import from_module  # noqa: E402
from modelhub.net.module import build  # noqa: E402
from modelhub.progressive.sensitivity import deviations, variances  # noqa: E402

nn = torch.nn


def _module(model: Any, x: Any) -> Any:
    return build(from_module(model.eval(), (x[:2],)), model.state_dict())


def _name(module: Any) -> str:
    return next(iter(module._mh_network.inputs))


@pytest.mark.parametrize("batched", [False, True])
def test_of_a_linear_layer_it_is_exact(batched: bool) -> None:
    torch.manual_seed(0)
    model, x = nn.Linear(6, 4), torch.randn(5, 6)
    module = _module(model, x)
    width = torch.rand(4, 6).double()
    spans = {"weight": variances(-width / 2, width / 2)}
    pairs = torch.tensor([[0, 1], [2, 3], [1, 0], [3, 2], [0, 3]])
    found = deviations(module, spans, {_name(module): x}, pairs, lambda z: z, batched=batched)
    by_class = (x.double() ** 2) @ (width**2 / 12).T
    wanted = by_class.gather(1, pairs).sum(1).sqrt()
    assert np.allclose(found.numpy(), wanted.numpy(), rtol=1e-5)


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("recurrent", [False, True])
def test_it_is_what_random_bits_do(batched: bool, recurrent: bool) -> None:
    torch.manual_seed(1)

    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows, self.out = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 4)

        def forward(self, x: Any) -> Any:
            return self.out(self.rows(x.reshape(-1, 4, 8))[0][:, -1])

    plain = nn.Sequential(nn.Linear(32, 16), nn.GELU(), nn.Linear(16, 4))
    x = torch.randn(6, 32)
    module = _module(Rows() if recurrent else plain, x)
    state = {name: value.detach() for name, value in module.state_dict().items()}
    width = {name: 0.01 * value.abs() + 1e-4 for name, value in state.items() if value.ndim > 1}
    spans = {name: variances(-part / 2, part / 2) for name, part in width.items()}
    with torch.no_grad():
        pairs = module(x).topk(2).indices
    given = {_name(module): x}
    found = deviations(module, spans, given, pairs, lambda z: z, batched=batched)
    margins = []
    for _ in range(400):
        drawn = {n: state[n] + (torch.rand_like(part) - 0.5) * part for n, part in width.items()}
        with torch.no_grad():
            z = torch.func.functional_call(module, {**state, **drawn}, kwargs=given)
        two = z.gather(1, pairs)
        margins.append(two[:, 0] - two[:, 1])
    seen = torch.stack(margins).double().std(0)
    assert np.allclose(found.numpy(), seen.numpy(), rtol=0.15)
