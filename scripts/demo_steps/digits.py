"""Train a small CNN on scikit-learn's digits, and fine-tune it on the same digits moved about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from modelhub.net import from_module, to_json

__all__ = ["Run", "fine_tune", "train", "write_network"]

# 1,797 images of 8 by 8; the last 360 are held out, as they stand (they are by other writers).
HELD_OUT = 360
BATCH = 64


@dataclass(frozen=True, slots=True)
class Run:
    """What one training run left: a file for each epoch, and its log."""

    snapshots: dict[str, Path]
    log: Path
    settings: dict[str, str | int | float]


class Cnn(nn.Module):
    """Two convolutions and two linear layers: 151,306 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * 4 * 4, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of a batch of images (N, 1, 8, 8)."""
        hidden = functional.relu(self.conv1(images))
        hidden = functional.max_pool2d(functional.relu(self.conv2(hidden)), 2)
        hidden = functional.relu(self.fc1(hidden.flatten(1)))
        logits: Tensor = self.fc2(hidden)
        return logits


def _data() -> tuple[Tensor, Tensor]:
    digits = load_digits()
    images = torch.from_numpy(digits.images.astype(np.float32) / 16.0).unsqueeze(1)
    return images, torch.from_numpy(digits.target.astype(np.int64))


def _moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift a batch by up to one pixel each way, as a scanner would."""
    right, down = (int(x) for x in torch.randint(-1, 2, (2,), generator=generator))
    return torch.roll(images, (down, right), (2, 3))


def _accuracy(model: Cnn, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        hits = model(images).argmax(1) == labels
    return float(hits.float().mean())


def _fit(model: Cnn, folder: Path, *, rate: float, epochs: int, move: bool) -> Run:
    folder.mkdir(parents=True)
    images, labels = _data()
    count = len(images) - HELD_OUT
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    generator = torch.Generator().manual_seed(1)
    snapshots: dict[str, Path] = {}
    log = folder / "log.jsonl"
    with log.open("w") as out:
        for epoch in range(1, epochs + 1):
            total = 0.0
            for picked in torch.randperm(count, generator=generator).split(BATCH):
                batch = _moved(images[picked], generator) if move else images[picked]
                loss = functional.cross_entropy(model(batch), labels[picked])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(picked)
            accuracy = _accuracy(model, images[count:], labels[count:])
            row = {"step": epoch, "loss": round(total / count, 5), "accuracy": round(accuracy, 4)}
            out.write(json.dumps(row) + "\n")
            snapshots[f"epoch-{epoch}"] = folder / f"epoch-{epoch}.pt"
            torch.save(model.state_dict(), snapshots[f"epoch-{epoch}"])
    settings: dict[str, str | int | float] = {"optimizer": "adam", "lr": rate, "epochs": epochs}
    settings["accuracy"] = row["accuracy"]
    return Run(snapshots, log, settings)


def train(folder: Path) -> Run:
    """Train from scratch for eight epochs; about five seconds on one core."""
    torch.manual_seed(0)
    return _fit(Cnn(), folder, rate=1e-3, epochs=8, move=False)


def write_network(path: Path) -> Path:
    """Write the CNN's network N to a file, without weights, and return the path."""
    path.write_bytes(to_json(from_module(Cnn(), (torch.zeros(2, 1, 8, 8),))))
    return path


def fine_tune(start: Path, folder: Path, *, rate: float, layers: tuple[str, ...] = ()) -> Run:
    """Go on from a snapshot for three epochs on moved images, with all or only some layers."""
    torch.manual_seed(0)
    model = Cnn()
    model.load_state_dict(torch.load(start, weights_only=True))
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not layers or name.split(".")[0] in layers
    return _fit(model, folder, rate=rate, epochs=3, move=True)
