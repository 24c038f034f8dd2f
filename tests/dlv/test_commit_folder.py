"""Hugging Face folders bring their network with them, as far as that works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")

from modelhub.dlv import network_sources, stage  # noqa: E402
from modelhub.dlv.commit import CommitResult, commit  # noqa: E402
from modelhub.dlv.state import Repo  # noqa: E402
from modelhub.errors import BadInputError, ModelHubError, UsageError  # noqa: E402
from modelhub.net import from_hf  # noqa: E402
from modelhub.repository import Repository  # noqa: E402
from tests.net.hf_models import made  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    path = tmp_path / "model"
    _write(path, made("bert"))
    return path


def _write(path: Path, model: Any) -> None:
    path.mkdir(exist_ok=True)
    safetensors_torch.save_file(model.state_dict(), path / "model.safetensors")
    (path / "config.json").write_text(json.dumps(model.config.to_dict()))


def _commit(repo: Repo, folder: Path, **options: Any) -> CommitResult:
    stage.add(repo, [folder])
    return commit(repo, "bert", **options)


def test_a_folder_brings_its_network(repo: Repo, folder: Path) -> None:
    made_ = _commit(repo, folder)
    assert made_.network.how == "imported"
    assert made_.network.source == str(folder / "config.json")
    model = made("bert").eval()
    model.load_state_dict(safetensors_torch.load_file(folder / "model.safetensors"))
    tokens = torch.randint(0, 50, (3, 6))
    mask = torch.ones_like(tokens)
    with Repository.open(repo.layout.root) as face, torch.no_grad():
        module = face["bert"].module()
        found = module(tokens, mask)["last_hidden_state"]
        assert torch.equal(found, model(tokens, mask).last_hidden_state)
        # The same from Python, by path.
        version = face.commit("again", folder)
        assert version.record.network == face["bert"].record.network


def test_the_next_version_inherits_it(
    repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _commit(repo, folder)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("imported again")

    monkeypatch.setattr(from_hf, "from_config", refuse)
    _write(folder, made("bert"))
    found = _commit(repo, folder)
    assert (found.network.how, found.network.source) == ("inherited", "bert@1")


def test_what_cannot_be_imported_is_committed_as_weights(repo: Repo, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["MyModel"]}))
    found = _commit(repo, folder)
    assert found.network.how == "weights-only"
    assert "has no model class MyModel" in found.network.note
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 24}))
    assert "no weight has the shape" in _commit(repo, folder).network.note


@pytest.mark.parametrize("config", ["{", "[]", "{}", '{"model_type": "bert"}'])
def test_other_configurations_say_nothing(repo: Repo, folder: Path, config: str) -> None:
    stage.add(repo, [folder])
    if config.startswith("{") and config.endswith("}"):
        (folder / "config.json").write_text(config)
        stage.add(repo, [folder])
        found = commit(repo, "bert")
        assert (found.network.how, found.network.note) == ("weights-only", "")
    else:
        with pytest.raises(BadInputError):
            network_sources.import_network(_with(folder, config), {})


def _with(folder: Path, config: str) -> Path:
    (folder / "config.json").write_text(config)
    return folder


def test_without_transformers(repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_sources.optional, "available", lambda name: name == "torch")
    found = _commit(repo, folder)
    assert (found.network.how, found.network.note) == ("weights-only", "")


def test_a_broken_transformers_is_no_obstacle(
    repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise ImportError("cannot import name 'x'")

    monkeypatch.setattr(from_hf, "require", broken)
    found = _commit(repo, folder)
    assert found.network.how == "weights-only"
    assert "cannot be loaded (cannot import name 'x')" in found.network.note


def test_no_network_is_wanted(repo: Repo, folder: Path) -> None:
    assert _commit(repo, folder, network=False).network.how == "weights-only"


def test_a_folder_by_name(repo: Repo, folder: Path, tmp_path: Path) -> None:
    stage.add(repo, [folder / "model.safetensors"])
    assert commit(repo, "bert", network=folder).network.how == "imported"
    stage.add(repo, [folder / "model.safetensors"])
    (folder / "config.json").unlink()
    with pytest.raises(BadInputError, match=r"no config\.json"):
        commit(repo, "bert", network=folder)


def test_a_folder_by_name_fails_loudly(repo: Repo, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    stage.add(repo, [folder / "model.safetensors"])
    with pytest.raises(BadInputError, match=r"there is no tensor encoder\.layer\.2") as caught:
        commit(repo, "bert", network=folder)
    assert caught.value.where == str(folder / "config.json")
    assert not isinstance(caught.value, UsageError)
    assert isinstance(caught.value, ModelHubError)
