"""Models committed as weights alone: names and kinds are known, edges are not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import modelhub

CUT = 'slice s from m where m.name = "bare" mutate s.input = m["conv1"] and s.output = m["fc"]'


@pytest.fixture
def bare(repository: modelhub.Repository) -> Iterator[modelhub.Repository]:
    weights = {
        "conv1.weight": np.zeros((4, 3, 5, 5), np.float32),
        "conv1.bias": np.zeros(4, np.float32),
        "bn.weight": np.ones(4, np.float32),
        "bn.bias": np.ones(4, np.float32),
        "bn.running_mean": np.zeros(4, np.float32),
        "bn.running_var": np.ones(4, np.float32),
        "fc.weight": np.zeros((10, 4), np.float32),
    }
    repository.commit("bare", weights)
    repository.commit("files", files=[_note(repository)])
    return repository


def _note(repository: modelhub.Repository) -> str:
    path = repository.root / "note.txt"
    path.write_text("no weights")
    return str(path)


@pytest.mark.parametrize(("condition", "holds"), [
    ("m has CONV", True),
    ("m has CONV(kernel=5, out=4)", True),
    ("m has CONV(kernel=3)", False),
    ('m["conv*"] has CONV', True),
    ('m["fc"].kind = "FULL"', True),
    ("m has BN and not m has LSTM", True),
    ('m["conv1"].next has BN', False),
    ("m has CONV -> BN", False),
    ('not m["conv1"].next has BN', False),
    ('m["conv1"].next not has BN', False),
    ('all m["conv1"].next has BN', False),
    ("not m has CONV -> BN", False),
    ("not m.input has CONV", False),
    ("not m.output has FULL", False),
    ('m.name = "bare" and m["conv1"].prev is null and m.input is null', True),
    ("m has LSTM or not m has CONV -> BN or m has CONV", True),
    ("m has FULL and not m has LSTM", True),
])  # fmt: skip
def test_conditions(bare: modelhub.Repository, condition: str, holds: bool) -> None:
    found = bare.query(f"select m where {condition}")
    assert [version.name for version in found] == (["bare"] if holds else [])


def test_it_is_said_where_edges_are_asked_for(bare: modelhub.Repository) -> None:
    found = bare.query('select m.name, m["conv1"].next.name as after where m.name = "bare"')
    assert found == [("bare", None)]
    assert any("bare@1: committed as weights alone" in note for note in found.notes)
    assert bare.query('select m.name, m["conv1"].kind where m has CONV').notes == ()


@pytest.mark.parametrize("query", [
    CUT,
    'construct n from m where m.name = "bare" mutate m["conv1"].insert = RELU("r")',
    'construct n from m where m.name = "bare" mutate m["conv1"].delete',
])  # fmt: skip
def test_slice_and_construct_say_why_not(bare: modelhub.Repository, query: str) -> None:
    with pytest.raises(modelhub.QueryError, match=r"bare@1.* weights alone.*commit it with its"):
        bare.query(query)


def test_a_version_without_weights_has_no_network(bare: modelhub.Repository) -> None:
    with pytest.raises(modelhub.QueryError, match="files@1 has no network"):
        bare.query('construct n from m where m.name = "files" mutate m.append = RELU("r")')


def test_others_are_made_and_the_rest_is_noted(
    bare: modelhub.Repository, small_networks: list[tuple[modelhub.net.Network, dict[str, object]]]
) -> None:
    network, weights = small_networks[1]
    bare.commit("whole", weights, network=network)
    found = bare.query(
        'construct n from m where m has CONV mutate m.append = FULL("top", out=2)',
        explain=False,
    )
    assert [made.name for made in found] == ["whole"]
