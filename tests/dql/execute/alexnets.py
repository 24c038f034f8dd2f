"""Models like those of the paper's examples."""

from __future__ import annotations

import datetime

from dql.memory import MemoryNetwork, MemoryNode, MemoryVersion
from tests.dql.execute.editing import EditingBackend
from tests.dql.paper import QUERY_3


def chain(*names: str, **attributes: dict) -> MemoryNetwork:
    """Return a chain of nodes; a kind is told from the first letters of a name."""
    kinds = {
        "conv": "CONV", "pool": "POOL", "relu": "RELU", "fc": "FULL", "drop": "DROPOUT",
        "bn": "BN", "prob": "SOFTMAX",
    }  # fmt: skip
    nodes = []
    before = "x"
    for name in names:
        word = next(each for each in kinds if name.startswith(each))
        mode = {"mode": "AVG" if name.endswith("a") else "MAX"} if word == "pool" else {}
        nodes.append(MemoryNode(name, kinds[word], (before,), attributes.get(name, mode)))
        before = name
    return MemoryNetwork(nodes)


_BODY = ("conv1", "relu1", "pool1", "conv2", "conv3", "pool3", "fc6", "drop6", "fc7", "fc8", "prob")
_AVG = ("conv1", "pool1a", "conv2", "conv3", "pool3a", "fc6", "fc7", "fc8")


def _version(id: str, name: str, day: int, layers: MemoryNetwork | None) -> MemoryVersion:
    when = datetime.datetime(2015, 11, day, tzinfo=datetime.UTC)
    return MemoryVersion(id, {"name": name, "version": 1, "creation_time": when}, layers=layers)


def backend() -> EditingBackend:
    """Return a backend with four of them."""
    fc = {"fc8": {"out": 10}}
    versions = [
        _version("old", "alexnet-origin1", 20, chain(*_BODY, **fc)),
        _version("max", "alexnet_max", 25, chain(*_BODY, **fc)),
        _version("avg", "alexnet-avgv1", 26, chain(*_AVG)),
        _version("flat", "alexnet-origin-weights", 27, None),
    ]
    return EditingBackend(versions, {"query3": QUERY_3})


def names(version: object) -> str:
    """Return the names of a network's nodes."""
    return " ".join(node.name for node in version.network().nodes)  # type: ignore[attr-defined]
