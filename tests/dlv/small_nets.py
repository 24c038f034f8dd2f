"""Small networks for 8x8 digits, and the float64 evaluation that proofs are measured by."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from modelhub.progressive.propagate import evaluate
from modelhub.repository import Repository

__all__ = ["Cnn", "Recurrent", "examples", "mlp", "reference"]


class Cnn(nn.Module):
    """A small CNN; with `end`, what comes behind its logits."""

    def __init__(self, end: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * 36, 32)
        self.out = nn.Linear(32, 10)
        self.end = end or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the end makes of the logits."""
        hidden = torch.relu(self.bn(self.conv(x))).flatten(1)
        return self.end(self.out(torch.relu(self.fc(hidden))))


class Recurrent(nn.Module):
    """Reads an image row by row, by an op that no bounds are known for."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.LSTM(8, 16, batch_first=True)
        self.out = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        return self.out(self.rows(x[:, 0])[0][:, -1])


def mlp() -> nn.Module:
    """Return a network of three layers."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )


def examples(x: np.ndarray, count: int = 2) -> tuple[torch.Tensor]:
    """Return example inputs for a commit."""
    return (torch.from_numpy(x[:count]),)


def reference(repository: Repository, rev: str, x: np.ndarray) -> np.ndarray:
    """Return what float64 evaluation of the stored weights gives, (N, C)."""
    version = repository[rev]
    network = version.network()
    given = {next(iter(network.inputs)): torch.from_numpy(x)}
    return np.asarray(evaluate(network, version.weights(), given)[0].numpy())
