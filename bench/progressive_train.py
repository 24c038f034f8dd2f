"""Train the networks that progressive evaluation is measured on; kept in a folder, made once.

    python -m bench.progressive_train [--nets lenet,res8] [--seeds 0,1,2] [--folder FOLDER]

One core, seeded: half an hour for all. The folder is `progressive` in MODELHUB_BENCH_DATA, or in
~/.cache/modelhub-bench, unless one is named. A file `NAME-SEED.npz` has each tensor by its name.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.codec_data import cache_folder
from bench.progressive_nets import NETS, build, split

__all__ = ["LARGE", "SEEDS", "accuracy", "folder", "main", "train", "weights"]

SEEDS = (0, 1, 2)
# The large network is trained once: what is measured of it are bytes and seconds.
LARGE = "vgg"
_BATCH = 64
_DECAY = 0.05
_WARM_UP = 0.15
# How far training images are turned (radians), moved (in halves of the image) and scaled.
_TURN, _MOVE, _SCALE = 0.2, 0.12, 0.1


def folder() -> Path:
    """Return where trained weights are kept, unless another folder is named."""
    return cache_folder() / "progressive"


def weights(name: str, seed: int, where: Path | None = None) -> dict[str, np.ndarray]:
    """Return a network's trained tensors by name; train it if that was not done.

    Raises:
        KeyError: there is no network of this name.
        MissingDataError: what it learns from is not installed.
    """
    path = (where or folder()) / f"{name}-{seed}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        module = train(name, seed)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **{key: value.numpy() for key, value in module.state_dict().items()})
        partial.rename(path)
    with np.load(path) as arrays:
        return {key: arrays[key] for key in arrays.files}


def train(name: str, seed: int, epochs: int | None = None) -> nn.Module:
    """Return a network, trained with AdamW on images that are turned, moved and scaled a little.

    Args:
        epochs: By default as many as `NETS` says.

    Raises:
        KeyError: there is no network of this name.
        MissingDataError: what it learns from is not installed.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net, module = NETS[name], build(name)
    images, labels = (torch.from_numpy(part) for part in split(net.source).train)
    optimizer = torch.optim.AdamW(module.parameters(), lr=net.rate, weight_decay=_DECAY)
    rounds = net.epochs if epochs is None else epochs
    steps = rounds * math.ceil(len(images) / _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, net.rate, total_steps=max(steps, 1), pct_start=_WARM_UP
    )
    module.train()
    for _ in range(rounds):
        for picked in torch.randperm(len(images)).split(_BATCH):
            loss = functional.cross_entropy(module(_varied(images[picked])), labels[picked])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return module.eval()


def _varied(images: Tensor) -> Tensor:
    """Turn, move and scale each image of a batch by chance."""
    count = len(images)
    angle = (torch.rand(count) * 2 - 1) * _TURN
    scale = 1 + (torch.rand(count) * 2 - 1) * _SCALE
    move = (torch.rand(count, 2, 1) * 2 - 1) * _MOVE
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    matrix = torch.stack([cos, -sin, sin, cos], 1).view(count, 2, 2)
    grid = functional.affine_grid(torch.cat([matrix, move], 2), list(images.shape), False)
    return functional.grid_sample(images, grid, align_corners=False)


def accuracy(module: nn.Module, images: Any, labels: Any) -> float:
    """Return the share of images (N, 1, side, side) whose label a module in eval mode finds."""
    with torch.no_grad():
        found = module(torch.from_numpy(images)).argmax(1).numpy()
    return float((found == labels).mean())


def main() -> None:
    """Train what is not there yet, and print each network's accuracy on what is held out."""
    parser = argparse.ArgumentParser(prog="python -m bench.progressive_train", description=__doc__)
    parser.add_argument("--nets", default=",".join(NETS))
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--folder", type=Path, default=folder())
    arguments = parser.parse_args()
    for seed in map(int, arguments.seeds.split(",")):
        for name in arguments.nets.split(","):
            if name == LARGE and seed:
                continue
            begun = time.monotonic()
            found = weights(name, seed, arguments.folder)
            module = build(name)
            module.load_state_dict({key: torch.from_numpy(value) for key, value in found.items()})
            share = accuracy(module.eval(), *split(NETS[name].source).test)
            count = sum(value.size for value in found.values())
            print(
                f"{name}-{seed}: {count} values, {share:.4f} of what is held out right, "
                f"{time.monotonic() - begun:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
