"""Small networks trained on handwritten digits, for tests of what evaluates them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits

__all__ = ["Digits", "digits", "trained"]

_HELD_OUT = 1000


@dataclass(frozen=True)
class Digits:
    """Images (N, 1, 8, 8) from 0 to 16 as whole numbers, and labels."""

    x: np.ndarray
    y: np.ndarray

    @property
    def floats(self) -> np.ndarray:
        """The images from 0 to 1, in float32."""
        return (self.x / 16).astype(np.float32)


def digits() -> tuple[Digits, Digits]:
    """Return digits to train on, and held-out ones."""
    found = load_digits()
    x, y = found.images[:, None].astype(np.uint8), found.target
    return Digits(x[:_HELD_OUT], y[:_HELD_OUT]), Digits(x[_HELD_OUT:], y[_HELD_OUT:])


def trained(net: torch.nn.Module, steps: int, seed: int = 0) -> torch.nn.Module:
    """Train a network that takes images and gives logits, and return it in eval mode."""
    data = digits()[0]
    x, y = torch.from_numpy(data.floats), torch.from_numpy(data.y)
    torch.manual_seed(seed)
    for module in net.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    net.train()
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net.eval()
