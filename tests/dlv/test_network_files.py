"""Commits of .onnx and .pt2 files: the network is taken from them, and modules run."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from modelhub.dlv import stage
from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import CommitResult, commit
from modelhub.dlv.fsck import fsck
from modelhub.dlv.networks import module_of, network_of
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from tests.dlv.test_main_job import sha256


def write_onnx(path: Path, op: str = "Relu", domain: str = "") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {"onnx::MatMul_3": rng.standard_normal((6, 8)), "b": rng.standard_normal(8)}
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    nodes = [
        helper.make_node("MatMul", ["x", "onnx::MatMul_3"], ["h"], name="/fc/MatMul"),
        helper.make_node("Add", ["h", "b"], ["a"], name="/fc/Add"),
        helper.make_node(op, ["a"], ["y"], name="/act", domain=domain),
    ]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 6])
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    y = helper.make_empty_tensor_value_info("y")
    graph = helper.make_graph(nodes, "g", [x], [y], stored)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return arrays


def added(repo: Repo, path: Path, name: str = "m") -> CommitResult:
    stage.add(repo, [path])
    return commit(repo, name)


def test_an_onnx_file(repo: Repo, tmp_path: Path) -> None:
    arrays = write_onnx(tmp_path / "m.onnx")
    made = added(repo, tmp_path / "m.onnx")
    assert (made.network.how, made.network.nodes) == ("imported", 4)
    found = resolve(repo, "m")
    network = network_of(repo, found.version)
    assert [node.name for node in network.nodes if node.kind != "AUX"] == [
        "fc.MatMul",
        "fc.Add",
        "act",
    ]
    module = module_of(repo, found.version, found.snapshot)
    x = np.ones((3, 6), np.float32)
    expected = np.maximum(x @ arrays["onnx::MatMul_3"] + arrays["b"], 0)
    assert np.allclose(module(torch.from_numpy(x)).detach().numpy(), expected, atol=1e-5)
    checkout(repo, "m", tmp_path / "out")
    assert sha256(tmp_path / "out" / "m.onnx") == sha256(tmp_path / "m.onnx")
    assert fsck(repo.layout.root).problems == ()


def test_a_pt2_file(repo: Repo, tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()
    x = torch.randn(3, 6)
    free = [{0: torch.export.Dim.AUTO}]
    program = torch.export.export(net, (x,), dynamic_shapes=free, strict=False)
    torch.export.save(program, tmp_path / "m.pt2")
    made = added(repo, tmp_path / "m.pt2")
    assert made.network.note == ""
    assert made.network.how == "imported"
    found = resolve(repo, "m")
    module = module_of(repo, found.version, found.snapshot)
    with torch.no_grad():
        assert torch.equal(module(x), net(x))


def test_an_operator_that_is_not_known_is_no_failure(repo: Repo, tmp_path: Path) -> None:
    write_onnx(tmp_path / "m.onnx", "Fancy", "com.example")
    made = added(repo, tmp_path / "m.onnx")
    assert made.network.how == "weights-only"
    assert "com.example.Fancy" in made.network.note


def test_without_the_package_there_is_a_note(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_onnx(tmp_path / "m.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "modelhub.net.onnx_graph", raising=False)
    made = added(repo, tmp_path / "m.onnx")
    assert made.network.how == "weights-only"
    assert "modelhub-dlv[onnx]" in made.network.note


def test_weights_and_network_from_two_files(repo: Repo, tmp_path: Path) -> None:
    arrays = write_onnx(tmp_path / "m.onnx")
    np.savez(tmp_path / "w.npz", **arrays)
    stage.add(repo, [tmp_path / "w.npz"])
    made = commit(repo, "m", network=tmp_path / "m.onnx")
    assert made.network.how == "imported"


def test_a_folder_with_the_same_weights_in_onnx(repo: Repo, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    arrays = write_onnx(folder / "m.onnx")
    np.savez(folder / "w.npz", **arrays)
    stage.add(repo, [folder])
    made = commit(repo, "m")
    with repo.catalog.read() as txn:
        names = {row.name for row in txn.tensors(resolve(repo, "m").snapshot.tree)}
    assert names == {*arrays, *(f"m.onnx:{name}" for name in arrays)}
    assert made.tensors_new == len(arrays)
    # The plain file has the names that the network reads.
    assert made.network.how == "imported"
