"""Make large repositories for measuring queries, straight through the catalog, without weights.

A commit of weights takes some 10 ms; what queries look at is in the catalog alone.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import torch
from torch import nn

from modelhub.catalog import WriteTxn
from modelhub.catalog.records import VersionRecord
from modelhub.dlv.indexing import extremes
from modelhub.dlv.state import Repo
from modelhub.net import from_module
from modelhub.net.outline import Outline, outline_of

__all__ = ["many_networks", "many_versions"]

_NAMES = 1_000
_BATCH = 5_000
# 22 November 2015, the day in the paper's first query, in nanoseconds.
_BEGIN_NS = 1_448_150_400 * 10**9
_POOLED = ("conv1", "conv3", "conv5")


def many_versions(folder: Path, count: int) -> None:
    """Make a repository of versions with settings and metric series, in 1,000 names."""
    rng = random.Random(5)
    with Repo.init(folder) as repo:
        _write(repo, _versions(rng, count), count)


def _versions(rng: random.Random, count: int) -> Iterator[Callable[[WriteTxn], None]]:
    for number in range(count):
        name = f"model-{number % _NAMES:04}"
        record = _record(number, name, number // _NAMES + 1)
        accuracy = rng.random()
        metadata: dict[str, str | int | float | bool] = {
            "config.base_lr": rng.choice((0.1, 0.01, 0.001)),
            "optimizer": rng.choice(("adam", "sgd")),
        }
        points = [(step, accuracy * step / 4) for step in range(5)]
        series = {"accuracy": points, "loss": [(step, 1 - value) for step, value in points]}

        def write(
            txn: WriteTxn,
            record: VersionRecord = record,
            metadata: dict[str, str | int | float | bool] = metadata,
            series: dict[str, list[tuple[int, float]]] = series,
        ) -> None:
            txn.put_version(record, metadata)
            txn.put_series(record.id, extremes(series))
            txn.put_network(record.id, b"", None)

        yield write


def many_networks(folder: Path, count: int, share: float) -> None:
    """Make a repository of networks like AlexNet, all different.

    Args:
        share: Of how many of them a convolution of odd number is followed by an average pool; the
            others have max pools there.
    """
    rng = random.Random(6)
    bases = {mode: outline_of(from_module(_alex(mode), (torch.zeros(1, 3, 64, 64),), check=False))
             for mode in ("avg", "max")}  # fmt: skip
    with Repo.init(folder) as repo:
        _write(repo, _networks(rng, bases, count, share), count)


def _networks(
    rng: random.Random, bases: dict[str, Outline], count: int, share: float
) -> Iterator[Callable[[WriteTxn], None]]:
    for number in range(count):
        base = bases["avg" if rng.random() < share else "max"]
        # Widths differ, so that no two networks share their attributes.
        attributes = [
            {**each, "out": rng.randrange(16, 512)} if "out" in each else each
            for each in base.attributes
        ]
        outline = dataclasses.replace(base, attributes=attributes)
        network = (number + (1 << 40)).to_bytes(32, "little")
        record = dataclasses.replace(_record(number, f"alexnet_{number:05}", 1), network=network)

        def write(
            txn: WriteTxn,
            record: VersionRecord = record,
            network: bytes = network,
            outline: Outline = outline,
        ) -> None:
            txn.put_version(record, {})
            txn.put_network(record.id, network, outline)

        yield write


def _record(number: int, name: str, sequence: int) -> VersionRecord:
    return VersionRecord(
        id=random.Random(number).randbytes(32),
        name=name,
        sequence=sequence,
        created_ns=_BEGIN_NS + number * 10**9,
        author="ada@example.org",
        message="trained",
        parents=(),
        network=b"",
        snapshots=(),
        files=(),
        logical_bytes=1000,
        stored_bytes=500,
    )


def _write(repo: Repo, versions: Iterator[Callable[[WriteTxn], None]], count: int) -> None:
    done = 0
    while batch := list(islice(versions, _BATCH)):
        with repo.catalog.write() as txn:
            for write in batch:
                write(txn)
        done += len(batch)
    assert done == count


def _alex(mode: str) -> nn.Module:
    """Return AlexNet's 8 layers, narrow, with batch norms: about 30 nodes."""
    layers: dict[str, nn.Module] = {}
    for number in range(1, 6):
        name = f"conv{number}"
        layers[name] = nn.Conv2d(3 if number == 1 else 8, 8, 3, padding=1)
        layers[f"bn{number}"] = nn.BatchNorm2d(8)
        layers[f"relu{number}"] = nn.ReLU()
        if name in _POOLED:
            layers[f"pool{number}"] = nn.AvgPool2d(2) if mode == "avg" else nn.MaxPool2d(2)
            # Behind a batch norm a hop from the convolution would end there.
            del layers[f"bn{number}"]
    layers["flatten"] = nn.Flatten()
    for number, size in ((6, 8 * 8 * 8), (7, 16), (8, 16)):
        layers[f"fc{number}"] = nn.Linear(size, 16)
        layers[f"relu{number}"] = nn.ReLU()
        layers[f"drop{number}"] = nn.Dropout()
    module = nn.Sequential()
    for name, layer in layers.items():
        module.add_module(name, layer)
    return module.eval()
