"""Networks trained on real digits for tests; needs scikit-learn."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn

__all__ = ["trained_on_digits"]


def trained_on_digits(model: Any, steps: int, logits: Any = None) -> torch.Tensor:
    """Train a network for a few steps on real digits; return all images, of which it saw 1,280.

    Args:
        logits: What gives logits, if the network itself does not.
    """
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16.0
    targets = torch.tensor(digits.target)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        batch = slice(step * 64 % 1280, step * 64 % 1280 + 64)
        optimizer.zero_grad()
        nn.functional.cross_entropy((logits or model)(images[batch]), targets[batch]).backward()
        optimizer.step()
    return images
