"""`checkout --format onnx`: the file gives the values of the module that was committed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import modelhub
from modelhub.cli.main import main
from modelhub.errors import BadInputError, ModelHubError, UsageError
from tests.net.models import MODELS

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    root = tmp_path / "repo"
    with modelhub.Repository.init(root) as repo:
        for name in ("resnet", "lenet"):
            case = MODELS[name]
            module = case.make().eval()
            repo.commit(name, module, network=module, example_inputs=(case.inputs(2),))
        repo.commit("bare", {"w": np.ones(3, np.float32)})
    return root


def run(path: Path, inputs: torch.Tensor) -> np.ndarray:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs.numpy()})[0]


@pytest.mark.parametrize("name", ["resnet", "lenet"])
def test_the_file_runs(filled: Path, tmp_path: Path, name: str) -> None:
    with modelhub.Repository.open(filled) as repo:
        done = repo[name].checkout(tmp_path / "out", format="onnx")
        module = repo[name].module()
        inputs = MODELS[name].inputs(5)
        with torch.no_grad():
            expected = module(inputs).numpy()
        assert done.bytes_read > 0
        assert not done.files[0].verified
        path = tmp_path / "out" / "model.onnx"
        assert path.stat().st_size == done.bytes_written
        assert any("folded" in note for note in done.notes) == (name == "resnet")
        onnx.checker.check_model(str(path))
        assert np.allclose(run(path, inputs), expected, rtol=1e-4, atol=1e-5)
        with pytest.raises(UsageError, match="exact weights"):
            repo[name].checkout(tmp_path / "other", format="onnx", planes=2)
        with pytest.raises(BadInputError, match="weights alone"):
            repo["bare"].checkout(tmp_path / "other", format="onnx")
    assert not (tmp_path / "other").exists() or not list((tmp_path / "other").iterdir())


def test_the_command(filled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    options = ["-C", str(filled), "-o", out, "--format", "onnx"]
    assert main(["checkout", "resnet", *options]) == 0
    assert "note: ONNX holds these weights folded" in capsys.readouterr().out
    assert main(["checkout", "bare", *options, "--force"]) == 6
    assert "committed as weights alone" in capsys.readouterr().err


def test_a_missing_package_is_named(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with (
        modelhub.Repository.open(filled) as repo,
        pytest.raises(ModelHubError, match=r"onnxscript is not installed.*modelhub-dlv\[onnx\]"),
    ):
        repo["lenet"].checkout(tmp_path / "out", format="onnx")
