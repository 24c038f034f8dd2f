"""What is wrong with a query is an error of the language and of the repository at once."""

from __future__ import annotations

import io
import json
import pickle

import pytest

import dql
import modelhub
from modelhub.cli import failures


def test_it_is_both_and_shows_all_places(repository: modelhub.Repository) -> None:
    with pytest.raises(modelhub.QueryError) as told:
        repository.query("select m\nwhere m.nme = 1 and m.sizze = 2")
    error = told.value
    assert isinstance(error, dql.DqlError)
    assert isinstance(error, modelhub.ModelHubError)
    assert (error.kind, error.exit_status) == ("query", 2)
    assert (error.line, error.column) == (2, 9)
    assert error.caret.endswith("^")
    assert str(error).count("^") == 2
    assert len(error.others) == 1

    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.kind, again.detail) == (str(error), error.kind, error.detail)

    stream = io.StringIO()
    failures.print_error(error, stream, as_json=False)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("error: line 2, column 9: ")
    assert [line for line in lines if line.strip() == "^"] == [lines[2], lines[5]]
    stream = io.StringIO()
    failures.print_error(error, stream, as_json=True)
    document = json.loads(stream.getvalue())["error"]
    assert document["kind"] == "query"
    assert document["detail"] == lines[1:]


def test_parameters_take_versions_lists_and_numbers_of_numpy(
    repository: modelhub.Repository,
) -> None:
    np = pytest.importorskip("numpy")
    one = repository.commit("one", {"w": np.zeros(2)}, metadata={"acc": 0.5})
    two = repository.commit("two", {"w": np.ones(2)}, base="one")
    found = repository.query("select m where m.parent = :base", base=one)
    assert [version.rev for version in found] == [two.rev]
    found = repository.query("select m where m.name in :names", {"names": ["one", "x"]})
    assert [version.rev for version in found] == ["one@1"]
    assert len(repository.query("select m where m.metrics.acc <= :top", top=np.float32(0.5))) == 1
    with pytest.raises(modelhub.QueryError, match="no value"):
        repository.query("select m where m.name = :name")
    with modelhub.Repository.init(repository.root / "other") as other:
        stranger = other.commit("x", {"w": np.zeros(1)})
        with pytest.raises(modelhub.UsageError, match="not in this repository"):
            repository.query("select m where m = :v", v=stranger)


def test_values_are_plain(repository: modelhub.Repository) -> None:
    np = pytest.importorskip("numpy")
    repository.commit("one", {"fc.weight": np.zeros((2, 3))}, series={"loss": [(0, 2.0), (1, 1.0)]})
    rows = repository.query('select m, m.metrics.loss, m["*"], m["*"].out, m.parent, m.tags as t')
    assert rows.columns == ("m", "m.metrics.loss", 'm["*"]', 'm["*"].out', "m.parent", "t")
    ((version, *values),) = rows
    assert version.rev == "one@1"
    assert values == [1.0, ["fc"], [2], None, []]


def test_a_read_only_repository_is_answered_by_looking_at_all(
    repository: modelhub.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    np = pytest.importorskip("numpy")
    repository.commit("one", {"fc.weight": np.zeros((2, 3))}, metadata={"acc": 0.5})
    with repository._repo.catalog.write() as txn:
        txn.clear_indexes()
    monkeypatch.setattr(repository._repo.catalog, "readonly", True)
    rows = repository.query("select m where m.metrics.acc > 0.1 and m has FULL", explain=True)
    assert any("lacks indexes" in note for note in rows.notes)
    assert [v.rev for v in repository.query("select m where m has FULL")] == ["one@1"]
    with repository._repo.catalog.read() as txn:
        assert not txn.indexes_complete()
