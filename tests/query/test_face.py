"""What queries give to Python."""

from __future__ import annotations

import numpy as np
import pytest

import modelhub


@pytest.fixture
def family(repository: modelhub.Repository) -> modelhub.Repository:
    for number in range(3):
        repository.commit("net", {"w": np.full(2, number, np.float32)}, message=f"number {number}")
    return repository


def test_a_version_shows_its_revision(family: modelhub.Repository) -> None:
    (first,) = family.query("select m where m.version = 1")
    assert repr(first) == f"<Version net@1#final {first.id[:12]}>"


@pytest.mark.parametrize("kin", ["parents", "children", "ancestors", "descendants"])
def test_kin_can_be_shown_after_the_query(family: modelhub.Repository, kin: str) -> None:
    rows = family.query(f"select m.{kin} order by m.version")
    found = [{version.rev: version.message for version in row[0]} for row in rows]
    expected = {
        "parents": [[], [1], [2]],
        "children": [[2], [3], []],
        "ancestors": [[], [1], [1, 2]],
        "descendants": [[2, 3], [3], []],
    }[kin]
    assert found == [{f"net@{n}": f"number {n - 1}" for n in numbers} for numbers in expected]


def test_columns_are_known_without_rows(family: modelhub.Repository) -> None:
    rows = family.query('select m.name where m.name = "other"')
    assert (rows, rows.columns) == ([], ("m.name",))
    assert family.query('select m.name, m where m.name = "other"').columns == ("m.name", "m")
    assert type(family.query('select m where m.name = "other"')) is list
