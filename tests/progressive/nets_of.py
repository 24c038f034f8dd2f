"""Small networks with what bounds have steps for, and with what they have not."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from modelhub.progressive.intervals import Interval
from modelhub.progressive.propagate import evaluate
from tests.progressive.boxes_of import members, network_and_weights

__all__ = ["MADE", "case", "member", "true_margins"]


class Residual(nn.Module):
    """What networks for images have: shortcuts, norms, pools, averages, `cat`, a flat view."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.second = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.down = nn.Conv2d(4, 6, 1, stride=2)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(12 + 16, 5)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.first(x))
        x = torch.relu(x + self.second(x))
        y = nn.functional.avg_pool2d(nn.functional.relu6(self.norm(self.down(x))), 3, 2, 1)
        y = torch.cat([y.clamp(min=0.0), y], 1).mean((2, 3))
        z = nn.functional.max_pool2d(x, 2, 2).view(x.shape[0], -1)[:, :16]
        return self.head(torch.cat([y, torch.relu(z)], 1)).softmax(1)


class Shortcut(nn.Module):
    """Layers that all have steps on ends, with a sum of two of them, twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.third = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.down = nn.Conv2d(4, 6, 1, stride=2)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        x = torch.relu(x + self.second(x))
        x = torch.relu(self.third(x) + self.down(x))
        return self.head(x.mean((2, 3)))


def _plain(*layers: Any) -> Any:
    return nn.Sequential(*layers)


def _deep() -> Any:
    layers = [nn.Flatten(), nn.Linear(50, 24), nn.ReLU()]
    for _ in range(6):
        layers += [nn.Linear(24, 24), nn.ReLU()]
    return _plain(*layers, nn.Linear(24, 5))


def _norms() -> Any:
    # A norm with nothing learned, one after a linear layer, one that follows no product.
    return _plain(
        nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4, affine=False), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(),
        nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 5),
    )  # fmt: skip


def _other() -> Any:
    # Sigmoid and groups keep their rules, between layers that do not.
    return _plain(
        nn.Conv2d(2, 4, 3, padding="same"), nn.Sigmoid(), nn.Conv2d(4, 4, 3, groups=2), nn.ReLU(),
        nn.Conv2d(4, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5),
    )  # fmt: skip


def _volume() -> Any:
    return _plain(
        nn.Unflatten(1, (1, 2)), nn.Conv3d(1, 3, 2), nn.ReLU(), nn.AvgPool3d((1, 2, 2)),
        nn.Flatten(), nn.Linear(12, 5, bias=False),
    )  # fmt: skip


def _wide() -> Any:
    # Many channels at few places: one matrix product for a batch.
    return _plain(
        nn.Conv2d(2, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 17, (3, 2), (2, 1), (1, 2)),
        nn.BatchNorm2d(17), nn.ReLU(), nn.Conv2d(17, 16, 1, bias=False), nn.ReLU(),
        nn.Conv2d(16, 4, 2, dilation=2), nn.ReLU(), nn.Flatten(), nn.Linear(24, 5),
    )  # fmt: skip


MADE: dict[str, Any] = {
    "wide": _wide,
    "residual": Residual,
    "shortcut": Shortcut,
    "deep": _deep,
    "norms": _norms,
    "other": _other,
    "volume": _volume,
    "one": lambda: _plain(nn.Flatten(), nn.Linear(50, 5)),
}


def case(name: str, signed: bool = False) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """A network with random weights, these, and six images, with values below 0 if signed."""
    torch.manual_seed(7)
    model = MADE[name]().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.running_mean.normal_(0.0, 0.3)
            module.running_var.uniform_(0.5, 2.0)
            if module.weight is not None:
                # One channel of another sign; more of them, and later layers get nothing but 0.
                nn.init.uniform_(module.weight, 0.5, 1.5)
                module.weight.data[0] *= -1.0
                nn.init.normal_(module.bias)
    images = torch.rand(6, 2, 5, 5) - (0.5 if signed else 0.0)
    network, weights = network_and_weights(model, images)
    return network, weights, {next(iter(network.inputs)): images}


def member(boxes: dict[str, Any]) -> dict[str, Any]:
    """Weights from boxes: all at one end, at corners, or inside."""
    return {
        name: list(members(box, 2))[torch.randint(4, ())] if isinstance(box, Interval) else box
        for name, box in boxes.items()
    }


def true_margins(network: Any, weights: Any, inputs: Any, label: Any, place: Any) -> Any:
    """Return by how much float64 evaluation puts each label above the next."""
    (value,) = evaluate(network, weights, inputs, [place])
    own = value.gather(1, label[:, None]) - value
    return own.scatter_(1, label[:, None], torch.inf).amin(1)
