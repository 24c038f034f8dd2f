"""The network N of a version, in either format, and the module made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from modelhub import ids
from modelhub.dlv import networks
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.describe import describe
from modelhub.dlv.fsck import fsck
from modelhub.dlv.record import put_places
from modelhub.dlv.reindex import reindex
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, CorruptionError, ModelHubError
from modelhub.net import from_module, to_json
from modelhub.net import tree as net_tree
from modelhub.repository import Repository, Version


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(7, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.emb.weight
        self.register_buffer("shift", torch.arange(4.0), persistent=False)

    def forward(self, x: Any) -> Any:
        return self.head(self.drop(self.norm(self.emb(x)[:, 0] + self.shift)))


@pytest.fixture
def face(tmp_path: Path) -> Any:
    with Repository.init(tmp_path / "faces") as opened:
        yield opened


def _tied() -> tuple[Tied, Any]:
    torch.manual_seed(3)
    module = Tied()
    x = torch.randint(0, 7, (5, 2))
    module(x)  # moves the running statistics
    return module.eval(), x


def test_a_module_comes_back(face: Repository) -> None:
    module, x = _tied()
    version = face.commit("tied", network=module, example_inputs=(x,))
    rebuilt = version.module()
    assert not rebuilt.training
    assert torch.equal(rebuilt(x), module(x))
    assert rebuilt.head.weight is rebuilt.emb.weight
    assert list(rebuilt.state_dict()) == list(module.state_dict())
    assert next(node.kind for node in version.network().nodes if node.kind != "AUX") == "EMBED"


def test_each_snapshot_has_its_own_weights(face: Repository) -> None:
    module, x = _tied()
    early = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        module.emb.weight.add_(1.0)
    face.commit("tied", module, example_inputs=(x,), snapshots={"early": early})
    assert torch.equal(face["tied#final"].module()(x), module(x))
    module.load_state_dict(early)
    assert torch.equal(face["tied#early"].module()(x), module(x))


def test_weights_alone_have_no_edges(face: Repository) -> None:
    module, _ = _tied()
    version = face.commit("tied", module)
    network = version.network()
    assert not network.executable
    assert {node.name: node.kind for node in network.nodes}["norm"] == "BN"
    with pytest.raises(BadInputError, match=r"tied@1#final: .* no edges") as caught:
        version.module()
    assert "network=" in caught.value.hint


def test_a_version_without_weights(face: Repository, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    version = face.commit("notes", files=[tmp_path / "notes.txt"])
    assert version.network().nodes == ()
    with pytest.raises(BadInputError, match="no edges"):
        version.module()


def test_a_snapshot_of_another_dtype_says_why_not(face: Repository) -> None:
    module, x = _tied()
    half = {name: value.to(torch.bfloat16) for name, value in module.state_dict().items()}
    face.commit("tied", module, example_inputs=(x,), snapshots={"half": half})
    with pytest.raises(BadInputError, match="dtype bfloat16") as caught:
        face["tied#half"].module()
    assert caught.value.where == "tied@1#half: emb.weight"
    assert "float32" in caught.value.expected


@pytest.mark.parametrize("scheme", [None, "bf16"])
def test_copies_keep_the_network(face: Repository, scheme: str | None) -> None:
    module, x = _tied()
    version = face.commit("tied", module, example_inputs=(x,))
    copied = face.copy("tied", "other", scheme=scheme)
    assert copied.record.network == version.record.network
    assert torch.equal(copied.module()(x), module(x)) == (scheme is None)
    assert torch.allclose(copied.module()(x), module(x), atol=0.2)


def test_description_has_the_tree_of_the_tensors(face: Repository) -> None:
    module, x = _tied()
    face.commit("alone", module)
    face.commit("tied", module, example_inputs=(x,))
    lines = {name: describe(face["tied"].repo, name).network for name in ("alone", "tied")}
    names = {name: {line.name for line in found} for name, found in lines.items()}
    assert names["tied"] == names["alone"]
    assert "shift" not in names["tied"]


def test_checks_and_rebuilding_keep_it(face: Repository) -> None:
    module, x = _tied()
    face.commit("tied", module, example_inputs=(x,))
    assert fsck(face.root).ok
    layout = face["tied"].repo.layout
    face.close()
    reindex(layout)
    with Repository.open(layout.root) as again:
        assert torch.equal(again["tied"].module()(x), module(x))


def _put(repo: Repo, made: CommitResult, data: bytes) -> Version:
    """Return the version with other bytes as its network."""
    with repo.writer_lock(), repo.session() as session:
        object_id = session.add_object(ids.NETWORK, data)
        session.seal()
        with repo.catalog.write() as txn:
            put_places(txn, session.places)
    record = replace(resolve(repo, made.name).version, network=object_id)
    return Version(repo, record, record.snapshots[-1])


HOSTILE = {
    "no JSON": b"\xff",
    "empty": b"",
    "other": b'{"format":3}',
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "tree without rows": b'{"format":1,"parameters":[[1,2,3]]}',
    "tree of a negative size": b'{"format":1,"parameters":[["a","float32",[-1]]]}',
    "tree of huge sizes": b'{"format":1,"parameters":[["a","float32",[' + b"9" * 4000 + b"]]]}",
    "tree of many sizes": b'{"format":1,"parameters":[["a","f",[' + b"9," * 99_999 + b"9]]]}",
    "tree, deep": b'{"format":1,"parameters":' + b"[" * 100_000,
    "unknown op": b'{"executable":true,"format":2,"inputs":[],"nodes":[{"args":{},"name":"a",'
    b'"op":"aten.from_file.default","values":[]}],"outputs":null,"tensors":[]}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_networks_are_one_clear_error(repo: Repo, commit_arrays: Any, name: str) -> None:
    made = commit_arrays("a", {"w": np.ones(3, np.float32)})
    version = _put(repo, made, HOSTILE[name])
    for read in (version.network, version.module, lambda: networks.tree_of(repo, version.record)):
        with pytest.raises(CorruptionError) as caught:
            read()
        assert caught.value.where == "the network of a@1"
        assert len(str(caught.value)) < 700
        assert "\n" not in str(caught.value)


def test_both_formats_decode() -> None:
    module, x = _tied()
    network = from_module(module, (x,))
    assert networks.decode(to_json(network)) == network
    assert networks.decode_graph(to_json(network)) == network
    tree = net_tree.build([("a.weight", "float32", (2, 3))])
    assert networks.decode_tree(net_tree.to_json(tree)) == tree
    assert networks.decode_graph(net_tree.to_json(tree)) is None
    assert networks.decode(net_tree.to_json(tree)).nodes[0].kind == "FULL"


def test_newer_formats_are_told() -> None:
    with pytest.raises(ModelHubError, match="Upgrade modelhub") as caught:
        networks.decode(b'{"format":9}')
    assert caught.value.kind == "unsupported_version"
