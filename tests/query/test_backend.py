"""What the backend says of versions, and that its indexes give what looking at all would."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import modelhub
from dql.backend import EditError, Probe
from dql.memory import run_select
from modelhub.dlv.state import Repo
from modelhub.query.backend import RepoBackend
from modelhub.query.run import opened

Scattered = Callable[[modelhub.Repository, int, int], None]
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def backend(
    tmp_path_factory: pytest.TempPathFactory, scattered: Scattered
) -> Iterator[RepoBackend]:
    root = tmp_path_factory.mktemp("many")
    with modelhub.Repository.init(root) as repository:
        scattered(repository, 7, 40)
    with Repo.open(root) as repo, opened(repo) as found:
        yield found


def _unindexed(backend: RepoBackend) -> RepoBackend:
    """Return the same view without indexes: everything is read from manifests and networks."""
    other = RepoBackend(backend.repo, backend._txn)
    other.indexed = False
    return other


# A condition in words, and the probe that stands for it.
_OPTIMIZER = ("config", "optimizer", "name")
_METRICS = ((".accuracy", "accuracy"), ('["val.accuracy"]', "val.accuracy"), (".loss", "loss"))
_NUMBERS = [(0.5, 0.5), (0.75, None), (None, 0.8), (1, 1), (0.1, 1.0), (5, None)]
PROBES: list[tuple[str, Probe]] = [
    ('m.name = "alex"', Probe(("name",), "alex", "alex")),
    ('m.name like "alex%"', Probe(("name",), "alex", prefix=True)),
    ('m.name >= "alexnet" and m.name <= "le"', Probe(("name",), "alexnet", "le")),
    ('m.name = "läufer"', Probe(("name",), "läufer", "läufer")),
    ('m.tags = "prod"', Probe(("tags",), "prod", "prod")),
    ('m.tags like "pro%"', Probe(("tags",), "pro", prefix=True)),
    ("m.metadata.done = true", Probe(("metadata", "done"), True, True)),
    ('m.config.optimizer.name like "adam%"', Probe(_OPTIMIZER, "adam", prefix=True)),
    ('m.config.optimizer.name = "adam"', Probe(_OPTIMIZER, "adam", "adam")),
    ('m.config.base_lr = "auto"', Probe(("config", "base_lr"), "auto", "auto")),
    ("m.config.base_lr >= 1", Probe(("config", "base_lr"), 1, None)),
    ("m.config.base_lr between 0.01 and 0.1", Probe(("config", "base_lr"), 0.01, 0.1)),
    ("m.metadata.base_lr = 2.0", Probe(("metadata", "base_lr"), 2.0, 2.0)),
    ("m.metadata.base_lr is not null", Probe(("metadata", "base_lr"))),
    ("m.metrics.loss is not null", Probe(("metrics", "loss", "last"))),
    ("m.creation_time > now() - 1 d", Probe(("creation_time",), NOW - DAY, None)),
    ("m.creation_time < now() - 1 d", Probe(("creation_time",), None, NOW - DAY)),
    ("m has CONV", Probe(("kinds",), "CONV", "CONV")),
    ("m has FULL", Probe(("kinds",), "FULL", "FULL")),
    ("m has LSTM", Probe(("kinds",), "LSTM", "LSTM")),
    ("m has CONV -> POOL", Probe(("pairs",), ("CONV", "POOL"), ("CONV", "POOL"))),
    ("m has CONV -> CONV", Probe(("pairs",), ("CONV", "CONV"), ("CONV", "CONV"))),
    ("m has CONV -> RELU", Probe(("pairs",), ("CONV", "RELU"), ("CONV", "RELU"))),
    ("m has FULL -> DROPOUT", Probe(("pairs",), ("FULL", "DROPOUT"), ("FULL", "DROPOUT"))),
    *(
        (
            " and ".join(
                f"m.metrics{name}.{which} {sign} {bound}"
                for sign, bound in ((">=", low), ("<=", high))
                if bound is not None
            ),
            Probe(("metrics", key, which), low, high),
        )
        for name, key in _METRICS
        for which in ("best", "last")
        for low, high in _NUMBERS
    ),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "probe"), PROBES)
def test_an_index_gives_all_that_meet_a_condition_in_order(
    backend: RepoBackend, condition: str, probe: Probe
) -> None:
    slow = _unindexed(backend)
    expected = [row[0].id for row in run_select(f"select m where {condition}", slow).rows]
    found = list(backend.probe(probe))
    order = {version.id: number for number, version in enumerate(backend.versions())}
    assert found == sorted(found, key=order.__getitem__)
    assert sorted(found, key=backend.order) == found
    assert set(expected) <= set(found)
    # Names that stand for two things may bring a few more.
    if probe.path[0] not in ("metrics", "config"):
        assert found == expected
    estimate = backend.estimate(probe)
    assert estimate is not None
    assert len(expected) <= estimate <= 2 * len(found) + 2


def test_lineage_by_index(backend: RepoBackend) -> None:
    for version in backend.versions():
        for path in ("parents", "children", "ancestors", "descendants"):
            probe = Probe((path,), version.id, version.id)
            query = f"select m where :v in m.{path}"
            rows = run_select(query, _unindexed(backend), {"v": version}).rows
            assert list(backend.probe(probe)) == [row[0].id for row in rows]
            assert backend.estimate(probe) == len(rows)


@pytest.mark.parametrize("probe", [
    Probe(("version",), 1, 1),
    Probe(("metrics", "loss", "first"), 0, 1),
    Probe(("metrics", "loss", "best"), "a", "b"),
    Probe(("metadata",), 1, 1),
    Probe(("metadata", "accuracy"), float("nan"), float("nan")),
    Probe(("metadata", "accuracy"), 1, "b"),
    Probe(("creation_time",), "2015-01-01", None),
    Probe(("kinds",), ("CONV",), ("CONV",)),
    Probe(("parents",), "lenet", "lenet"),
    Probe(("tags",), "a", "b"),
    Probe(("size",), 1, 2),
])  # fmt: skip
def test_what_no_index_knows_has_no_estimate(backend: RepoBackend, probe: Probe) -> None:
    assert backend.estimate(probe) is None


@pytest.mark.parametrize("query", [
    "select m.name, m.version, m.id, m.message, m.author, m.tags, m.size, m.parameters",
    "select m.snapshots, m.stored_size, m.files, m.creation_time",
    "select m.metrics.loss, m.metrics.loss.best, m.metrics.loss.first, m.metrics.accuracy",
    'select m.config.base_lr, m.config.optimizer.name, m.metadata["optimizer.name"]',
    'select m["*"].name, m["*"].kind, m["*"].kernel',
    'select m["conv1"].next, m["conv2"].prev, m.input, m.output',
    "select m, n where n in m.parents",
    "select m where m derived from \"alex\"",
])  # fmt: skip
def test_with_and_without_indexes_versions_say_the_same(backend: RepoBackend, query: str) -> None:
    def shown(found: RepoBackend) -> list[str]:
        return [repr(_plain(row)) for row in run_select(query, found).rows]

    assert shown(backend) == shown(_unindexed(backend))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    for name in ("id", "names"):
        if hasattr(value, name):
            return getattr(value, name)
    if hasattr(value, "best"):
        return value.items[0], value.best, value.items[-1]
    return _plain(value.items) if hasattr(value, "items") else value


def test_versions_have_their_facts(repository: modelhub.Repository) -> None:
    made = repository.commit(
        "m",
        {"a.weight": np.ones((3, 4), np.float32)},
        metadata={"config.lr": 0.1, "lr": 5, "config.net.depth": 3, "note": "x"},
        series={"acc": [(0, 0.2), (1, 0.9), (2, 0.4)]},
        message="hello",
        tag="prod",
    )
    with Repo.open(repository.root) as repo, opened(repo) as backend:
        (version,) = backend.versions()
        attributes = dict(version.attributes)
        assert attributes.pop("creation_time").tzinfo is not None
        assert attributes.pop("stored_size") > 0
        assert attributes.pop("author")
        assert attributes == {
            "name": "m", "version": 1, "id": made.id, "message": "hello", "tags": ["prod"],
            "files": [], "size": made.record.logical_bytes, "parameters": 12, "snapshots": 1,
        }  # fmt: skip
        assert list(version.metrics["acc"]) == [0.2, 0.9, 0.4]
        assert list(version.metrics["lr"]) == [5]
        assert set(version.metrics) == {"acc", "lr", "config.lr", "config.net.depth"}
        assert "nothing" not in version.metrics
        assert version.config["lr"] == 0.1
        assert version.config["net"]["depth"] == 3
        assert version.config["net.depth"] == 3
        assert sorted(version.config) == ["lr", "net", "note"]
        assert version.metadata["lr"] == 5
        assert version.metadata["config"]["lr"] == 0.1
        assert version.metadata.get("conf") is None
        assert backend.version(made.id) is version
        assert backend.version("no id") is None
        assert backend.version("00" * 32) is None
        network = version.network()
        assert network is not None
        assert [(node.name, node.kind) for node in network.nodes] == [("a", "FULL")]
        assert not network.wired
        with pytest.raises(EditError, match="committed as weights alone"):
            backend.edit(version)
        with pytest.raises(EditError, match="m@1 was committed as weights alone"):
            backend.slice(version, ["a"], ["a"], "part")


def test_a_view_stays_as_it_was(repository: modelhub.Repository, scattered: Scattered) -> None:
    scattered(repository, 8, 5)
    with Repo.open(repository.root) as repo, opened(repo) as backend:
        first = next(iter(backend.versions()))
        repository.remove(*[version.rev for version in repository])
        assert len(list(backend.versions())) == backend.count() == 5
        assert first.record.name == first.name
