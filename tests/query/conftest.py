"""Repositories with models of many kinds, for queries to be run over."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import modelhub
from modelhub.catalog.rows import Relation
from modelhub.dlv.state import Repo
from modelhub.net import Network, from_module

INDEXES = ("SERIES", "METRIC", "NETWORK", "LAYERS", "KIND", "PAIR")


class _Forks(nn.Module):
    """A convolution whose output goes two ways, with no activation on one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3, padding=1)
        self.bn = nn.BatchNorm2d(2)
        self.conv2 = nn.Conv2d(2, 2, 1)
        self.fc = nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)
        x = torch.relu(self.bn(x)) + self.conv2(x)
        return self.fc(x.mean((2, 3)))


def _small() -> list[tuple[Network, dict[str, Any]]]:
    """Return networks with their weights."""
    image, row = torch.zeros(1, 1, 8, 8), torch.zeros(1, 4)
    made: list[tuple[nn.Module, torch.Tensor]] = [
        (nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Dropout(), nn.Linear(3, 2)), row),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()), image),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2), nn.Tanh(), nn.Conv2d(2, 2, 1)), image),
        (_Forks(), image),
    ]
    found = []
    for module, example in made:
        network = from_module(module.eval(), (example,), check=False)
        found.append((network, {k: v.numpy() for k, v in module.state_dict().items()}))
    return found


@pytest.fixture(scope="session")
def small_networks() -> list[tuple[Network, dict[str, Any]]]:
    return _small()


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[modelhub.Repository]:
    with modelhub.Repository.init(tmp_path / "repository") as made:
        yield made


@pytest.fixture(scope="session")
def scattered(
    small_networks: list[tuple[Network, dict[str, Any]]],
) -> Callable[[modelhub.Repository, int, int], None]:
    """Return what fills a repository with versions at random: (repository, seed, count)."""

    def fill(repository: modelhub.Repository, seed: int, count: int) -> None:
        rng = random.Random(seed)
        revs: list[str] = []
        for number in range(count):
            metadata = {
                key: rng.choice(choice)
                for key, choice in (
                    ("accuracy", (0.5, 0.75, 1, 0.9, "high", True, math.nan)),
                    ("config.base_lr", (0.1, 0.01, "auto")),
                    ("optimizer.name", ("adam", "adamw", "sgd")),
                    ("base_lr", (0.1, 2, 1 << 70)),
                    ("done", (True, False)),
                )
                if rng.random() < 0.6
            }
            series = {
                name: [(step, rng.choice((0.1, 0.5, 0.9, math.nan, math.inf))) for step in range(n)]
                for name, n in (("loss", 3), ("val.accuracy", 2), ("accuracy", 1))
                if rng.random() < 0.5
            }
            network, weights = rng.choice([*small_networks, (False, {"w": np.zeros(1)})])
            if rng.random() < 0.2:
                network = False
            made = repository.commit(
                rng.choice(("alex", "alexnet", "alex-2", "lenet", "läufer")),
                {**weights, "seed": np.array([number])} if network is False else weights,
                network=network,
                metadata=metadata,
                series=series,
                base=rng.sample(revs, min(len(revs), rng.choice((0, 1, 1, 2)))),
                message=f"number {number % 5}",
            )
            revs.append(made.rev)
            if rng.random() < 0.3:
                repository.tag(made.rev, rng.choice(("prod", "best", "pro")), force=True)

    return fill


@pytest.fixture
def index_rows() -> Callable[[modelhub.Repository], dict[str, list[Any]]]:
    """Return what lists every row of the indexes."""

    def rows(repository: modelhub.Repository) -> dict[str, list[Any]]:
        with Repo.open(repository.root) as repo, repo.catalog.read() as txn:
            # NaN is no number that equals itself.
            return {
                name: [(items, repr(record)) for items, record in txn._scan(Relation[name])]
                for name in INDEXES
            }

    return rows
