"""The four queries that the paper shows, as it prints them."""

from __future__ import annotations

import pytest

from dql import DqlError
from dql.execute import run
from tests.dql.execute.alexnets import backend, names
from tests.dql.paper import QUERY_1, QUERY_2, QUERY_3, QUERY_4


def test_query_1_selects() -> None:
    assert [row[0].id for row in run(QUERY_1, backend()).rows] == ["max"]


def test_query_2_slices() -> None:
    found = run(QUERY_2, backend())
    assert (found.kind, found.names) == ("slice", ("m2",))
    assert [names(row[0]) for row in found.rows] == [
        "conv1 relu1 pool1 conv2 conv3 pool3 fc6 drop6 fc7"
    ]
    assert found.rows[0][0].parents == ["old"]
    (failure,) = found.failures
    assert failure.version.id == "flat"
    assert "There is no such node in this network." in str(failure.error)


def test_query_3_inserts_behind_what_an_average_pool_follows() -> None:
    found = run(QUERY_3, backend())
    assert [names(row[0]) for row in found.rows] == [
        "conv1 relu1 pool1a conv2 conv3 relu3 pool3a fc6 fc7 fc8"
    ]
    assert not found.failures


def test_query_4_explains_and_does_not_run() -> None:
    found = run("explain " + QUERY_4, backend())
    assert "at least 6 ways for each" in found.plan.text
    with pytest.raises(DqlError, match="cannot be run yet"):
        run(QUERY_4, backend())
