"""What is imported of a module, and which modules have no network; see test_zoo for models."""

from __future__ import annotations

from typing import Any

import pytest

from modelhub.errors import BadInputError
from modelhub.net.from_torch import from_module
from modelhub.net.graph_json import to_json
from modelhub.net.module import build

torch = pytest.importorskip("torch")

from tests.net.models import MODELS  # noqa: E402

nn = torch.nn


class _Of(nn.Module):
    """A module whose forward is a function of itself and x."""

    def __init__(self, function: Any, **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


def _inner(self: Any, x: Any) -> Any:
    x = self.fc(x)
    with torch.no_grad():
        scale = torch.cos(x * 2)
    with torch.autocast("cpu", enabled=False):
        total = (x @ x.transpose(0, 1)).sum()
    return self.fc(x * scale + total)


def _eval_only(self: Any, x: Any) -> Any:
    return x * 2 if self.training else x * 3


def _changes_part(self: Any, x: Any) -> Any:
    x = x * 2
    x[:, 0] += 1
    return x


def _changes_buffer(self: Any, x: Any) -> Any:
    self.seen.add_(1)
    return x * self.seen


def _changes_what_is_read(self: Any, x: Any) -> Any:
    y = x * 2
    view = y.view(-1)
    y.relu_()
    return view


def _example() -> Any:
    return torch.randn(4, 3)


def test_blocks_without_gradients_or_autocast() -> None:
    module = _Of(_inner, fc=nn.Linear(3, 3))
    rebuilt = build(from_module(module, (_example(),)), module.state_dict())
    x = _example()
    for each in (module, rebuilt):
        each(x).sum().backward()
    assert torch.equal(module.fc.weight.grad, rebuilt.fc.weight.grad)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda self, x: x + 1 if x.sum() > 0 else x - 1, "cannot trace it"),
        (_eval_only, "in eval mode the network gives other values"),
        (_changes_part, "changes memory that is also read"),
        (_changes_buffer, "changes seen as it runs"),
        (_changes_what_is_read, "changes memory that is also read as view"),
        (lambda self, x: torch.fft.fft(x), "aten.fft_fft.default' is not one"),
        (lambda self, x: torch.rand_like(x), "aten.rand_like.default' is not one"),
    ],
)
def test_modules_without_a_network(function: Any, reason: str) -> None:
    module = _Of(function)
    module.register_buffer("seen", torch.zeros(()))
    with pytest.raises(BadInputError, match=reason):
        from_module(module, (_example(),))
    assert module.training


def test_in_place_on_what_nothing_else_reads() -> None:
    def function(self: Any, x: Any) -> Any:
        y = x * 2
        y += 1
        y.relu_()
        z = y + y.view(-1)[0]
        return z.mul_(3)

    module = _Of(function)
    network = from_module(module, (_example(),))
    assert all(not node.op.split(".")[1].endswith("_") for node in network.nodes)
    x = _example()
    assert torch.equal(build(network)(x), module(x))


def test_a_batch_of_one_is_no_fixed_size() -> None:
    network = from_module(nn.Linear(3, 2), (torch.randn(1, 3),))
    assert network.inputs["input"].shape == ("s0", 3)
    assert network.nodes[0].values[0].shape == ("s0", 2)


def test_free_sizes_can_be_chosen() -> None:
    module = nn.Conv2d(1, 2, 3, padding=1)
    network = from_module(module, (torch.randn(2, 1, 8, 8),), dynamic={"input": (0, 2, 3)})
    x = torch.randn(3, 1, 5, 9)
    assert network.inputs["input"].shape == ("s0", 1, "s1", "s2")
    assert torch.equal(build(network, module.state_dict())(x), module(x))
    with pytest.raises(BadInputError, match="no input y"):
        from_module(module, (torch.randn(2, 1, 8, 8),), dynamic={"y": (0,)})


def test_inputs_by_name_and_plain_values() -> None:
    class Named(nn.Module):
        def forward(self, x: Any, mask: Any = None, scale: float = 1.0, **more: Any) -> Any:
            return (x if mask is None else x * mask) * scale

    network = from_module(Named(), (_example(),), {"mask": torch.ones(4, 3), "scale": 2.0})
    assert list(network.inputs) == ["x", "mask"]
    x = _example()
    assert torch.equal(build(network)(x, mask=x), x * x * 2.0)


def test_modes_come_back() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Dropout())
    module[1].eval()
    from_module(module, (_example(),))
    assert module.training
    assert not module[1].training


def test_names_are_module_paths() -> None:
    case = MODELS["encoder"]
    network = from_module(case.make(), (case.inputs(2),))
    kinds = {node.name: node.kind for node in network.nodes}
    assert kinds["emb"] == "EMBED"
    assert kinds["encoder.layers.0.self_attn"] == "ATTN"
    assert kinds["encoder.layers.0.self_attn.out_proj"] == "FULL"
    assert kinds["encoder.layers.1.linear1"] == "FULL"
    assert kinds["encoder.layers.1.norm2"] == "LN"
    assert kinds["head"] == "FULL"
    assert next(t for t in network.tensors if t.name == "head.weight").tied == "emb.weight"


def test_a_layer_that_runs_twice_has_two_nodes() -> None:
    module = _Of(lambda self, x: self.act(self.fc(self.act(x))), act=nn.ReLU(), fc=nn.Linear(3, 3))
    network = from_module(module, (_example(),))
    assert [node.name for node in network.nodes] == ["act", "fc", "act_1"]


def test_equal_modules_have_equal_networks() -> None:
    case = MODELS["resnet"]
    first, second = (to_json(from_module(case.make(), (case.inputs(n),))) for n in (2, 3))
    assert first == second


def test_frozen_parameters_stay_frozen() -> None:
    module = nn.Linear(3, 2)
    module.bias.requires_grad_(False)
    rebuilt = build(from_module(module, (_example(),)), module.state_dict())
    assert rebuilt.weight.requires_grad
    assert not rebuilt.bias.requires_grad


def test_not_a_module() -> None:
    with pytest.raises(BadInputError, match=r"expected a torch\.nn\.Module"):
        from_module(len, (_example(),))


def test_batch_norm_without_momentum_has_no_network() -> None:
    with pytest.raises(BadInputError, match="BatchNorm1d"):
        from_module(nn.BatchNorm1d(3, momentum=None), (_example(),))


def test_nested_inputs_have_no_network() -> None:
    with pytest.raises(BadInputError, match="the input hx is a tuple"):
        from_module(nn.LSTM(3, 2), (_example(), (torch.zeros(1, 2), torch.zeros(1, 2))))
