"""Five versions, and conditions with those that meet them."""

from __future__ import annotations

import datetime

from dql.memory import MemoryBackend, MemoryNetwork, MemoryNode, MemoryVersion

NOW = datetime.datetime(2016, 1, 1, tzinfo=datetime.UTC)


def _chain(*nodes: tuple[str, str, dict]) -> MemoryNetwork:
    made = []
    for number, (name, kind, attributes) in enumerate(nodes):
        inputs = (nodes[number - 1][0],) if number else ("x",)
        made.append(MemoryNode(name, kind, inputs, attributes))
    return MemoryNetwork(made)


MAX = _chain(
    ("view", "AUX", {}),
    ("conv1", "CONV", {"kernel": 3, "stride": 2}),
    ("relu1", "RELU", {}),
    ("pool1", "POOL", {"mode": "max"}),
    ("conv2", "CONV", {"kernel": 5, "stride": 1}),
    ("bn2", "BN", {}),
    ("fc3", "FULL", {"out": 10}),
)
AVG = _chain(
    ("view", "AUX", {}),
    ("conv1", "CONV", {"kernel": 3, "stride": 1}),
    ("pool1", "POOL", {"mode": "avg"}),
    ("fc2", "FULL", {"out": 10}),
)


def _version(id: str, name: str, number: int, day: int, **more) -> MemoryVersion:
    attributes = {
        "name": name,
        "version": number,
        "creation_time": datetime.datetime(2015, 11, day, tzinfo=datetime.UTC),
        "tags": more.pop("tags", []),
        "author": more.pop("author", None),
        "size": more.pop("size", 1000),
    }
    return MemoryVersion(id, attributes, **more)


A = _version(
    "a", "alexnet_1", 1, 20, layers=MAX, metrics={"acc": [0.5, 0.9, 0.8], "loss": [3, 1, 2]},
    config={"base_lr": 0.1, "net": {"depth": 8}}, tags=["best", "old"], author="ann",
)  # fmt: skip
B = _version(
    "b", "alexnet_2", 1, 25, layers=MAX, parents=["a"], metrics={"acc": [0.95]},
    author="bob", size=5_000_000, config={"base_lr": "auto"},
)  # fmt: skip
C = _version("c", "alexnet_2", 2, 28, layers=AVG, parents=["b"], author="ann", tags=["new"])
D = _version("d", "alexnet-merge", 1, 30, parents=["a", "c"], metrics={"acc": [float("nan")]})
E = _version("e", "weights", 1, 1)
STORE = MemoryBackend(
    [A, B, C, D, E],
    {
        "anns": 'select m where m.author = "ann"',
        "loop": 'select m from "loop"',
        "wrong": "selct m",
    },
)
PARAMETERS = {"name": "weights", "versions": [2]}
CONDITIONS = [
    ('m.name = "alexnet_2"', "bc"),
    ('m.name matches "^alex.*[12]$"', "abc"),
    ('m.name not like "alex%"', "e"),
    ("m.version in [2, 3]", "c"),
    ("m.creation_time between '2015-11-25' and '2015-11-28'", "bc"),
    ("m.creation_time > now() - 5 weeks", "cd"),
    ('m.creation_time - date "2015-11-20" = 5 days', "b"),
    ("m.size >= 5 MB", "b"),
    ("m.size * 2 - 1 = 1999", "acde"),
    ("m.size / 0 = 1 or m.size % 0 = 1", ""),
    ('"best" in m.tags', "a"),
    ('m.tags = "new"', "c"),
    ('lower(upper(m.name)) = "weights"', "e"),
    # an unknown truth is not a true one, and neither is its opposite
    ("m.metrics.acc > 0.8", "b"),
    ("not m.metrics.acc > 0.8", "a"),
    ("m.metrics.acc is null", "cde"),
    ("m.metrics.acc is not null", "ab"),
    ("m.metrics.acc.best = 0.9", "a"),
    ("m.metrics.loss.best = 1 and m.metrics.loss.last = 2", "a"),
    ('m.metrics["acc"].first = 0.5', "a"),
    ("m.config.base_lr < 1", "a"),
    ("m.config.base_lr != 0.1", "b"),
    ("m.config.net.depth = 8", "a"),
    ("m.author is null or m.author = 'bob'", "bde"),
    # lineage
    ('m derived from "alexnet_1"', "bcd"),
    ('m derived from "alexnet_2@2"', "d"),
    ('m not derived from "alexnet_1@1"', "ae"),
    ('m.parent = "alexnet_2"', "c"),
    ("m.parent.name = 'alexnet_1'", "bd"),
    ("m.parent is null", "ae"),
    ("m.parents = 'c'", "d"),
    ("m.descendants = 'd'", "abc"),
    ('m derived from (select x where x.author = "bob")', "cd"),
    ('m in "anns"', "ac"),
    ("m in anns", "ac"),
    ("m not in (select x where x.author = 'ann')", "bde"),
    # parameters
    ("m.name = :name", "e"),
    ("m.version in :versions", "c"),
    # structure
    ("m has POOL", "abc"),
    ('m has POOL("AVG")', "c"),
    ("m not has BN", "c"),
    ("not m has BN", "c"),
    ('m["conv*"].next has POOL', "abc"),
    ('m["conv*"].next! has POOL', "c"),
    ('m["conv1"].next has RELU', "ab"),
    ('m["conv1"].next* has FULL', "abc"),
    ('m["fc*"].prev has POOL', "c"),
    ('all m["conv*"].next has POOL', "c"),
    ("m has CONV(kernel=3, stride>1)", "ab"),
    ("m has CONV(kernel in [5, 7])", "ab"),
    ("m has CONV(kernel between 4 and 6)", "ab"),
    ('m has CONV("conv2")', "ab"),
    ("m has CONV -> POOL -> CONV -> BN", "ab"),
    ("m has CONV -> RELU -> POOL", "ab"),
    ("m has CONV ->! POOL", "c"),
    ("m has CONV ->* FULL", "abc"),
    ("m has CONV -> not BN -> FULL", "c"),
    ("m has CONV -> BN | POOL -> FULL", "abc"),
    ('m["conv*"].kernel = 5', "ab"),
    ('all m["conv*"].kernel = 3', "c"),
    ('length(m["conv*"]) = 2', "ab"),
    ('m.output.kind = "FULL"', "abc"),
    ('m.input.name = "conv1" and not m.input.name = "view"', "abc"),
]
