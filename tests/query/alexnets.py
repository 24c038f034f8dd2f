"""Networks like AlexNet, small enough to be committed many times."""

from __future__ import annotations

import functools

import torch
from torch import nn

from modelhub.net import Network, from_module

__all__ = ["EXAMPLE", "Alex", "alex", "network_of"]

EXAMPLE = torch.zeros(1, 3, 32, 32)
_CONVS = ("conv1", "conv2", "conv3", "conv4", "conv5")


class Alex(nn.Module):
    """conv1..conv5 and fc6..fc8, each convolution with a ReLU unless told otherwise.

    Args:
        pools: Behind which convolutions there is a pool, and of which mode: `max` or `avg`.
    """

    def __init__(self, pools: dict[str, str], *, relu: bool) -> None:
        super().__init__()
        for number, name in enumerate(_CONVS):
            self.add_module(name, nn.Conv2d(3 if number == 0 else 4, 4, 3, padding=1))
            if relu:
                self.add_module(name.replace("conv", "relu"), nn.ReLU())
            if name in pools:
                kind = nn.MaxPool2d if pools[name] == "max" else nn.AvgPool2d
                self.add_module(name.replace("conv", "pool"), kind(2))
        size = 32 >> len(pools)
        self.drop6 = nn.Dropout()
        self.fc6 = nn.Linear(4 * size * size, 16)
        self.relu6 = nn.ReLU()
        self.fc7 = nn.Linear(16, 16)
        self.relu7 = nn.ReLU()
        self.fc8 = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in _CONVS:
            for word in ("conv", "relu", "pool"):
                layer = getattr(self, name.replace("conv", word), None)
                x = x if layer is None else layer(x)
        x = self.relu6(self.fc6(self.drop6(torch.flatten(x, 1))))
        return self.fc8(self.relu7(self.fc7(x)))


def alex(pools: str, *, seed: int = 0, relu: bool = True) -> Alex:
    """Return a model by its pools: `conv1=max conv5=avg`, say."""
    torch.manual_seed(seed)
    given = dict(each.split("=") for each in pools.split())
    return Alex(given, relu=relu).eval()


@functools.lru_cache(maxsize=16)
def network_of(pools: str, relu: bool = True) -> Network:
    """Return the network of a model, which does not depend on its weights."""
    return from_module(alex(pools, relu=relu), (EXAMPLE,), check=False)
