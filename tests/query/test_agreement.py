"""The executor with indexes, without them, and the reference evaluator give the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import modelhub
from dql.execute import run
from dql.memory import run_select
from modelhub.dlv.state import Repo
from modelhub.query.backend import RepoBackend
from modelhub.query.run import opened
from modelhub.query.values import named, plain_of

QUERIES = [
    "select m",
    'select m where m.name = "alex"',
    'select m where m.name like "alex%" and m.metrics.loss <= 0.5',
    'select m where m.name like "%e%" or m.tags = "prod"',
    "select m where m.metrics.accuracy > 0.6 order by m.metrics.accuracy desc limit 5",
    "select m where m.metrics.accuracy.best >= 0.9 and not m has POOL",
    "select m where m.metrics.accuracy is null",
    'select m where m.metadata.accuracy = "high"',
    "select m where m.metadata.accuracy = true",
    "select m where m.config.base_lr = 0.1 and m.metadata.done",
    "select m where m.config.base_lr between 0.01 and 3",
    'select m where m.config.base_lr in [0.1, "auto"]',
    'select m where m.config.optimizer.name matches "^adam" and m has FULL',
    'select m where m has CONV -> POOL("MAX")',
    'select m where m has CONV -> POOL("AVG") or m has FULL -> RELU',
    'select m where m has CONV -> CONV and m.message = "number 1"',
    'select m where m["*"].next has ADD',
    'select m where all m["conv*"] has CONV(kernel=3)',
    'select m where m.input has FULL and m.output has FULL',
    "select m where m.parent is null and m.version > 1",
    'select m where m derived from "alex"',
    'select m where m.parent.name = "alex" and m.name = "alexnet"',
    "select m, n where n = m.parent and m.metrics.loss < n.metrics.loss",
    'select m, n where m.parent = n and n.name = "lenet" and m has CONV',
    'select m, n where n in m.ancestors and m.tags = "prod"',
    'select m.name, common_ancestor(m, n).id from m, n where m.tags = "best" and n.tags = "prod"',
    "select m where m in (select n where n.metrics.loss.best < 0.2)",
    "select count(), avg(m.metrics.loss), m.name group by m.name order by m.name",
    "select distinct m.parameters from m order by m.parameters desc",
    "select m where m.parameters > 10 and m.snapshots = 1 and m.size > 0",
    'select m where m.creation_time > "2015-11-22" and m.creation_time < now() + 1 h',
    'select m where lower(m.name) = "läufer" and length(m.tags) = 0',
    "select m.id, m.metrics.loss, m.metrics.loss.first order by m.metrics.loss.first, m.id",
    "select distinct m.config from m order by m.config",
    "select count(), m.metrics from m group by m.metrics order by m.metrics",
    "select m where m.metrics.base_lr > 0.01 or m.metrics.nothing > 1",
    'select m where not m["conv*"].next has POOL',
    "select m where 1 = 2",
]  # fmt: skip


@pytest.fixture(scope="module", params=[11, 12])
def root(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    scattered: Callable[[modelhub.Repository, int, int], None],
) -> Iterator[Any]:
    found = tmp_path_factory.mktemp("agreement")
    with modelhub.Repository.init(found) as repository:
        scattered(repository, request.param, 30)
    with Repo.open(found) as repo:
        yield repo


@pytest.mark.parametrize("query", QUERIES)
def test_all_ways_give_the_same_rows(root: Repo, query: str) -> None:
    with opened(root) as backend:
        expected = _shown(run_select(query, backend).rows)
        assert _shown(run(query, backend).rows) == expected
        unindexed = RepoBackend(root, backend._txn)
        unindexed.indexed = False
        assert _shown(run(query, unindexed).rows) == expected


def _shown(rows: list[tuple[Any, ...]]) -> list[str]:
    return [repr([_plain(plain_of(value)) for value in row]) for row in rows]


def _plain(value: Any) -> Any:
    return named(value) if hasattr(value, "parents") else value


def test_the_queries_find_something(root: Repo) -> None:
    with opened(root) as backend:
        counts = [len(run(query, backend).rows) for query in QUERIES]
    assert sum(1 for count in counts if count) > len(QUERIES) - 8
