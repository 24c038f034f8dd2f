"""What is kept of a query's result: versions with lineage, and the query itself; else nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import modelhub
from modelhub.dlv.state import Repo
from modelhub.errors import ConflictError
from modelhub.query.save import METADATA_QUERY, METADATA_SEED
from tests.query.alexnets import EXAMPLE, alex, network_of

POOLS = "conv1=max conv5=avg"
HEAD = 'construct n from m where m.name = "a" mutate m["fc8"].replace = FULL("head", out=3)'


@pytest.fixture
def filled(repository: modelhub.Repository) -> Iterator[modelhub.Repository]:
    for seed, name in enumerate(("a", "b")):
        repository.commit(name, alex(POOLS, seed=seed), network=network_of(POOLS))
    return repository


def _state(repository: modelhub.Repository) -> tuple[int, list[Path]]:
    with Repo.open(repository.root) as repo, repo.catalog.read() as txn:
        return txn.number, sorted(repository.root.rglob("*"))


def test_nothing_is_written_unless_it_is_asked_for(filled: modelhub.Repository) -> None:
    before = _state(filled)
    (made,) = filled.query(f'{HEAD} as "fresh"')
    made.module()
    made.weights(3)
    filled.query('select m where m.name = "a" as "mine"')
    assert _state(filled) == before


def test_a_slice_is_called_by_the_name_of_the_result(filled: modelhub.Repository) -> None:
    part = 'slice s from m where m.name = "a" mutate s.input = m["conv1"] and s.output = m["fc8"]'
    assert [made.name for made in filled.query(part)] == ["a"]
    assert [made.name for made in filled.query(f'{part} as "part"')] == ["part"]


def test_a_derived_model_becomes_a_version(filled: modelhub.Repository) -> None:
    (made,) = filled.query(f'{HEAD} as "tuned"', seed=5)
    (saved,) = filled.query(f'{HEAD} as "tuned"', save=True, seed=5)
    assert isinstance(saved, modelhub.Version)
    assert saved.rev == "tuned@1"
    assert [parent.rev for parent in saved.parents] == ["a@1"]
    assert saved.metadata[METADATA_QUERY] == f'{HEAD} as "tuned"'
    assert saved.metadata[METADATA_SEED] == 5
    assert saved.network() == made.network()
    weights = saved.weights()
    assert set(weights) == set(made.weights())
    assert made.fresh == ("head.weight", "head.bias")
    for name, array in made.weights().items():
        assert np.array_equal(array, weights[name]), name
    assert np.array_equal(weights["conv1.weight"], filled["a"].weights()["conv1.weight"])
    with torch.no_grad():
        assert torch.equal(saved.module()(EXAMPLE), made.module()(EXAMPLE))
        assert saved.module()(EXAMPLE).shape == (1, 3)


def test_new_weights_follow_the_seed(filled: modelhub.Repository) -> None:
    (one,) = filled.query(HEAD, seed=1)
    (again,) = filled.query(HEAD, seed=1)
    (other,) = filled.query(HEAD, seed=2)
    assert one.id == again.id
    name = "head.weight"
    assert np.array_equal(one.weights()[name], again.weights()[name])
    assert not np.array_equal(one.weights()[name], other.weights()[name])
    assert np.array_equal(one.weights(2)[name], other.weights()[name])


def test_lineage_has_all_sources(filled: modelhub.Repository) -> None:
    text = (
        'construct n from m, o where m.name = "a" and o.name = "b" '
        'mutate m["pool5"].stitch = o["flatten"] as "both"'
    )
    (saved,) = filled.query(text, save=True)
    assert sorted(parent.rev for parent in saved.parents) == ["a@1", "b@1"]
    x = torch.randn(2, *EXAMPLE.shape[1:], generator=torch.Generator().manual_seed(1))
    front, back = alex(POOLS, seed=0), alex(POOLS, seed=1)
    seen: list[torch.Tensor] = []
    front.pool5.register_forward_hook(lambda _, __, out: seen.append(out))
    with torch.no_grad():
        front(x)
        back.pool5.register_forward_hook(lambda _, __, ___: seen[0])
        assert torch.equal(saved.module()(x), back(x))


def test_a_query_over_a_query_keeps_the_way_of_weights(filled: modelhub.Repository) -> None:
    text = (
        'construct n from m in (slice s from o where o.name = "a" '
        'mutate s.input = o["conv1"] and s.output = o["fc6"]) '
        'mutate m.append = RELU("r") -> FULL("top", out=2)'
    )
    (made,) = filled.query(text)
    assert made.sources == ("a@1",)
    assert made.fresh == ("top.weight", "top.bias")
    model = alex(POOLS, seed=0)
    seen: list[torch.Tensor] = []
    model.fc6.register_forward_hook(lambda _, __, out: seen.append(out))
    weights = made.weights()
    with torch.no_grad():
        model(EXAMPLE)
        expected = torch.relu(seen[0]) @ torch.from_numpy(weights["top.weight"]).T
        expected += torch.from_numpy(weights["top.bias"])
        assert torch.allclose(made.module()(EXAMPLE), expected)
    (saved,) = filled.query(text, save="nested")
    assert [parent.rev for parent in saved.parents] == ["a@1"]


def test_a_select_is_saved_as_a_query(filled: modelhub.Repository) -> None:
    found = filled.query('select m where m.name = "a" as "mine"', save=True)
    assert [version.rev for version in found] == ["a@1"]
    assert (filled.root / ".modelhub/queries/mine.dql").read_text().startswith("select m")
    (made,) = filled.query(
        'slice s from m in "mine" mutate s.input = m["conv1"] and s.output = m["conv1"]'
    )
    assert made.sources == ("a@1",)
    assert len(list(filled)) == 2


def test_a_name_is_needed_and_checked(filled: modelhub.Repository) -> None:
    before = _state(filled)
    with pytest.raises(modelhub.UsageError, match="no name to save under"):
        filled.query("select m", save=True)
    for name in ("a/b", "../a", "a@1", "-x", "x" * 300):
        with pytest.raises(modelhub.BadInputError) as told:
            filled.query("select m", save=name)
        assert told.value.kind == "bad_name"
    assert _state(filled) == before
    # A name that can be none names no query, and no file outside is read.
    with pytest.raises(modelhub.QueryError):
        filled.query('select m from "../config"')


def test_a_name_stands_for_the_versions_that_were_saved_under_it(
    filled: modelhub.Repository,
) -> None:
    (saved,) = filled.query(f'{HEAD} as "tuned"', save=True)
    (found,) = filled.query('select m from m in "tuned"')
    assert found.id == saved.id
    filled.remove("a@1")
    assert [each.id for each in filled.query('select m from m in "tuned"')] == [saved.id]
    with pytest.raises(ConflictError, match="versions called 'tuned'"):
        filled.query("select m", save="tuned")
    filled.query('select m where m.name = "b"', save="mine")
    assert [each.name for each in filled.query('select m from m in "mine"')] == ["b"]


def test_only_tensors_that_are_kept_are_read(
    filled: modelhub.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = filled.query(
        'slice s from m where m.name = "a" mutate s.input = m["conv2"] and s.output = m["relu3"]'
    )
    read: list[str] = []
    from_store = modelhub.query.derived.read_tensor

    def noting(repo: Repo, record: object) -> np.ndarray:
        read.append(record.name)  # type: ignore[attr-defined]
        return from_store(repo, record)  # type: ignore[arg-type]

    monkeypatch.setattr("modelhub.query.derived.read_tensor", noting)
    made.weights()
    assert sorted(read) == ["conv2.bias", "conv2.weight", "conv3.bias", "conv3.weight"]
