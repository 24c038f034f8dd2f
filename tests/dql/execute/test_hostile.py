"""Queries that are made to take all time or memory there is."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from dql import DqlError
from dql.execute import Result, run
from dql.memory import MemoryBackend, MemoryNetwork, MemoryNode, MemoryVersion
from tests.dql.execute.indexed import IndexedBackend

MANY = MemoryBackend([MemoryVersion(f"v{n}", {"name": "a", "version": n}) for n in range(10_000)])
FEW = IndexedBackend(MANY.all[:20])
_LONG = " -> ".join(["CONV"] * 2_000)


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    """Allow a gigabyte of further memory, so that what runs away fails instead of the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def _ran(text: str, backend: MemoryBackend, message: str) -> Result | None:
    """Return the result of a query, or None if it is refused with a message."""
    try:
        return run(text, backend)
    except DqlError as error:
        if message not in error.message or "^" not in str(error):
            raise
    return None


@pytest.mark.parametrize(
    "text",
    [
        "select m1, m2, m3, m4",
        "select m1, m2, m3, m4 where m1.name = m2.name and m3.name = m4.name",
        "select count(*) from m1, m2, m3, m4",
        "select m1, m2 where m1.version + m2.version = -1 order by m1.name",
        "select m where m in (select x where x.version + m.version = -1)",
        "select m where m in (select x, y where x.version < -1 - y.version)",
    ],
)
def test_products_of_variables_are_refused(text: str) -> None:
    with pytest.raises(DqlError, match="More than 50,000 combinations of versions") as caught:
        run(text, MANY, combinations_max=50_000)
    assert caught.value.line == 1


def test_products_that_are_cut_short_run() -> None:
    found = run("select m1, m2, m3, m4 limit 3", MANY, combinations_max=20)
    assert len(found.rows) == 3


@pytest.mark.parametrize(
    "text",
    [
        "select m where " + " or ".join(f'm.name = "n{n}"' for n in range(2_000)),
        "select m where " + " and ".join(f'm.name != "n{n}"' for n in range(2_000)),
        f"select m where m.version in [{', '.join(map(str, range(4_000)))}]",
        f"select m where m has {_LONG}",
        "select m where m.version = " + "+".join(["1"] * 40),
        "select m where m.size * " + "9" * 40 + " * m.size" * 40 + " > 1",
        'select m where m.name like "' + "%a" * 400 + '"',
        'select m where m.name matches "' + "(a*)*" * 100 + 'b"',
        "select " + ", ".join(["m.name"] * 3_000),
        "select m order by " + ", ".join(["m.name"] * 500),
        "select m where m.name = 'a'" + " and (m.version = 1 or m.version = 2)" * 400,
    ],
    ids=range(11),
)
def test_long_queries_run_or_are_refused(text: str) -> None:
    assert len(text) <= 100_000
    found = _ran(text, FEW, "")
    if found is not None:
        assert max(map(len, found.plan.to_text().splitlines())) < 300


@pytest.mark.parametrize("levels", [10, 32, 33, 60])
def test_deep_nesting_runs_or_is_refused(levels: int) -> None:
    text = "select m"
    for _ in range(levels):
        text = f"select m where m in ({text})"
    found = _ran(text, FEW, "nest")
    assert (found is None) == (levels > 32)


def test_saved_queries_that_nest_deep_are_refused() -> None:
    inner = "select m"
    for _ in range(20):
        inner = f"select m where m in ({inner})"
    saved = {"q0": inner}
    for number in range(1, 14):
        saved[f"q{number}"] = inner.replace("select m)", f"select m from 'q{number - 1}')", 1)
    assert _ran("select m from 'q13'", MemoryBackend(FEW.all, saved), "too deep") is None


def test_values_that_multiply_are_refused() -> None:
    nodes = [MemoryNode(f"n{n}", "CONV", (), {"kernel": n}) for n in range(2_000)]
    store = MemoryBackend([MemoryVersion("a", {}, layers=MemoryNetwork(nodes))])
    kernels = " + ".join(['m["*"].kernel'] * 4)
    with pytest.raises(DqlError, match="more than 1,000,000 pairs of values"):
        run(f"select m where {kernels} = 1", store)
    with pytest.raises(DqlError, match="more than 1,000,000 pairs of values"):
        run("select " + kernels + " from m", store)


def test_a_large_network_is_walked_once() -> None:
    nodes = [MemoryNode("n0", "CONV")]
    nodes += [MemoryNode(f"n{n}", "CONV", (f"n{n - 1}",)) for n in range(1, 20_000)]
    store = MemoryBackend([MemoryVersion("a", {}, layers=MemoryNetwork(nodes))])
    assert run("select m where m has CONV ->* CONV ->* POOL", store).rows == []
    assert len(run('select m where m["*"].next*.prev* has CONV', store).rows) == 1
