"""Which network a new version gets: given, imported, inherited, or none that can run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from modelhub.dlv import commit_network, stage
from modelhub.dlv.commit import CommitResult, commit, commit_content
from modelhub.dlv.memory import GivenNetwork, content_of
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, NotFoundError, UsageError
from modelhub.net import Network, from_module, graph, to_json
from modelhub.repository import Repository
from modelhub.tensors.arrays import TensorSpec


def _net(out: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, out))


X = torch.ones(2, 4)


def _commit(repo: Repo, weights: Any = None, name: str = "a", **given: Any) -> CommitResult:
    bases = given.pop("bases", ())
    content = content_of(weights, given.pop("snapshots", {}), (), {}, {}, GivenNetwork(**given))
    return commit_content(repo, name, content, bases=bases)


def test_a_module_is_network_and_weights(repo: Repo) -> None:
    for given in ({"network": _net()}, {"weights": _net()}, {"network": _net(), "weights": _net()}):
        made = _commit(repo, inputs=(X,), **given)
        assert (made.network.how, made.network.nodes) == ("imported", 3)


def test_a_module_with_inputs_by_name(repo: Repo) -> None:
    assert _commit(repo, network=nn.Linear(4, 3), kwargs={"input": X}).network.how == "imported"


def test_dynamic_sizes_are_passed_on(repo: Repo, tmp_path: Path) -> None:
    with Repository.init(tmp_path / "face") as face:
        version = face.commit("a", _net(), example_inputs=(X,), dynamic={"input": ()})
        assert version.network().inputs["input"].shape == (2, 4)


def test_a_network_as_data(repo: Repo, tmp_path: Path) -> None:
    module = _net()
    network = from_module(module, (X,))
    (tmp_path / "net.json").write_bytes(to_json(network))
    for given in (network, tmp_path / "net.json", str(tmp_path / "net.json")):
        made = _commit(repo, module.state_dict(), network=given)
        assert (made.network.how, made.network.nodes) == ("imported", 3)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ({}, "there is no tensor 0.weight"),
        ({"0.weight": np.ones((3, 4))}, "tensor 0.weight is float64 .3, 4., not float32 .3, 4."),
        ({"0.weight": np.ones((3, 5), np.float32)}, "0.weight is float32 .3, 5., not"),
    ],
)
def test_weights_that_do_not_fit(repo: Repo, weights: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInputError, match=reason):
        _commit(repo, weights, network=_net(), inputs=(X,))
    with repo.catalog.read() as txn:
        assert list(txn.versions()) == []
    assert list(repo.layout.packs_dir.iterdir()) == []


def test_what_the_network_does_not_read_may_be_there(repo: Repo) -> None:
    module = _net()
    weights = {**module.state_dict(), "extra": torch.ones(2)}
    assert _commit(repo, weights, network=module, inputs=(X,)).network.how == "imported"
    # The parent had it too, so it is no new layer.
    assert _commit(repo, weights).network.how == "inherited"


def test_of_tied_tensors_one_is_enough() -> None:
    tensors = (
        graph.Tensor("a", "float32", (2,)),
        graph.Tensor("b", "float32", (2,), tied="a"),
        graph.Tensor("c", "float32", (1,), "constant", data=b"\0\0\0\0"),
    )
    network = Network({}, (), tensors)
    spec = TensorSpec("float32", (2,))
    assert commit_network.misfit(network, {"b": spec}) == ""
    assert "no tensor a" in commit_network.misfit(network, {"x": spec})
    assert "tensor b is" in commit_network.misfit(
        network, {"a": spec, "b": TensorSpec("float32", (3,))}
    )


def test_not_a_network(repo: Repo) -> None:
    with pytest.raises(BadInputError, match="a network of type int"):
        _commit(repo, {}, network=3)
    with pytest.raises(UsageError, match="example_inputs"):
        _commit(repo, network=_net())
    with pytest.raises(BadInputError, match="cannot trace it"):
        _commit(repo, network=nn.Linear(4, 3), inputs=(torch.ones(2, 5),))
    alone = from_module(_net(), (X,))
    with pytest.raises(UsageError, match="nothing to commit"):
        _commit(repo, network=alone)


def test_weights_inherit_the_parents_network(repo: Repo) -> None:
    first = _commit(repo, _net(), inputs=(X,))
    second = _commit(repo, _net())
    assert (second.network.how, second.network.source) == ("inherited", "a@1")
    assert second.network.nodes == 3
    other = _commit(repo, _net(), name="b", bases=["a@2"])
    assert (other.network.how, other.network.source) == ("inherited", "a@2")
    with repo.catalog.read() as txn:
        assert len({version.network for version in txn.versions()}) == 1
    assert first.network.how == "imported"


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (_net(5), "tensor 2.weight is float32 .5, 3., not float32 .2, 3."),
        (_net().double(), "tensor 0.weight is float64"),
        (_net()[:2], "there is no tensor 2.weight"),
        (_net().append(nn.Linear(2, 2)), "tensor 3.bias is new"),
    ],
)
def test_weights_that_do_not_fit_the_parents(repo: Repo, weights: Any, reason: str) -> None:
    _commit(repo, _net(), inputs=(X,))
    made = _commit(repo, weights)
    assert made.network.how == "weights-only"
    assert made.network.nodes is None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(made.network.note)


def test_no_network_is_wanted(repo: Repo) -> None:
    _commit(repo, _net(), inputs=(X,))
    made = _commit(repo, _net(), network=False)
    assert (made.network.how, made.network.note) == ("weights-only", "")
    # The next has nothing to inherit.
    assert _commit(repo, _net()).network.how == "weights-only"


def test_a_damaged_parents_network_is_no_obstacle(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    _commit(repo, _net(), inputs=(X,))
    monkeypatch.setattr(graph, "NODES_MAX", 1)
    made = _commit(repo, _net())
    assert made.network.how == "weights-only"
    assert "the network of a@1 cannot be read" in made.network.note


@pytest.mark.parametrize("limit", ["NODES_MAX", "TENSORS_MAX"])
def test_a_network_beyond_the_limits(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(graph, limit, 1)
    made = _commit(repo, _net(), inputs=(X,))
    assert made.network.how == "weights-only"
    assert "at most 1" in made.network.note
    made = _commit(repo, _net(), network=Network({}, (), graph_tensors()))
    assert made.network.how == ("imported" if limit == "NODES_MAX" else "weights-only")


def graph_tensors() -> tuple[graph.Tensor, ...]:
    state = _net().state_dict()
    return tuple(graph.Tensor(name, "float32", tuple(value.shape)) for name, value in state.items())


def test_more_tensors_than_a_network_may_have(repo: Repo) -> None:
    tensors = {f"t{number}": np.zeros(0, np.float32) for number in range(graph.TENSORS_MAX + 1)}
    made = _commit(repo, tensors)
    assert made.network.how == "weights-only"


def test_the_stage_with_a_network(repo: Repo, tmp_path: Path) -> None:
    module = _net()
    torch.save(module.state_dict(), tmp_path / "a.pt")
    (tmp_path / "net.json").write_bytes(to_json(from_module(module, (X,))))
    stage.add(repo, [tmp_path / "a.pt"])
    told: list[str] = []
    made = commit(repo, "a", network=tmp_path / "net.json", on_import=told.append)
    assert made.network.how == "imported"
    assert [tmp_path.name in text for text in told] == [True]
    assert made.network.source.endswith("net.json")
    stage.add(repo, [tmp_path / "a.pt"])
    assert commit(repo, "a", on_import=told.append).network.how == "inherited"
    stage.add(repo, [tmp_path / "a.pt"])
    assert commit(repo, "a", network=False).network.how == "weights-only"
    assert len(told) == 1


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("none.json", None, NotFoundError),
        ("net.json", "{", BadInputError),
        ("net.json", '{"format":7}', BadInputError),
        ("net.py", "import os", BadInputError),
    ],
)
def test_network_files_that_cannot_be_read(
    repo: Repo, tmp_path: Path, name: str, text: str | None, error: type[Exception]
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    torch.save(_net().state_dict(), tmp_path / "a.pt")
    stage.add(repo, [tmp_path / "a.pt"])
    with pytest.raises(error, match=name):
        commit(repo, "a", network=path)
    assert len(stage.read(repo)) == 1
