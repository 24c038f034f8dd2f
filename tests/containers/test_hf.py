from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from modelhub.containers import hf
from modelhub.errors import BadInputError, NotFoundError

CONFIG = {
    "hidden_size": 384,
    "model_type": "bert",
    "tie": True,
    "eps": 1e-12,
    "labels": {"0": "no", "1": "yes"},
    "architectures": ["BertModel"],
    "torch_dtype": None,
    "many": list(range(100)),
}


@pytest.fixture
def model(tmp_path):
    """A folder as a download tool leaves it, in two shards."""
    root = tmp_path / "model"
    root.mkdir()
    (root / "config.json").write_text(json.dumps(CONFIG))
    (root / "vocab.txt").write_text("a\nb\n")
    weight_map = {}
    for index, name in enumerate(["a", "b"], 1):
        shard = f"model-0000{index}-of-00002.safetensors"
        save_file({name: np.ones(2)}, root / shard)
        weight_map[name] = shard
    write_index(root, weight_map)
    for skipped in (".git", ".cache", ".modelhub"):
        (root / skipped).mkdir()
        (root / skipped / "x").write_text("")
    (root / "onnx").mkdir()
    (root / "onnx" / "notes.md").write_text("x")
    return root


def write_index(root, weight_map, name="model.safetensors.index.json"):
    (root / name).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def refused(root, kind):
    with pytest.raises(BadInputError) as caught:
        hf.scan_folder(root)
    assert caught.value.kind == kind
    assert str(root) in str(caught.value)
    return str(caught.value)


def test_a_sharded_model(model):
    folder = hf.scan_folder(model)
    assert [name for name, _ in folder.files] == [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "onnx/notes.md",
        "vocab.txt",
    ]
    assert all(source == model / name for name, source in folder.files)
    assert folder.weights == (
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    )
    assert folder.config == CONFIG
    assert folder.metadata == {
        "config.hidden_size": 384,
        "config.model_type": "bert",
        "config.tie": True,
        "config.eps": 1e-12,
        "config.labels.0": "no",
        "config.labels.1": "yes",
        "config.architectures.0": "BertModel",
    }


def test_a_plain_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    folder = hf.scan_folder(tmp_path)
    assert (folder.weights, folder.config, folder.metadata) == ((), None, {})
    assert [name for name, _ in folder.files] == ["notes.txt"]


def test_torch_files_count_as_weights_by_content(model):
    torch.save({"a": torch.ones(1)}, model / "pytorch_model.bin")
    (model / "tf.bin").write_bytes(b"something else")
    torch.save({"a": torch.ones(1)}, model / "training_args.bin")
    weights = hf.scan_folder(model).weights
    assert "pytorch_model.bin" in weights
    assert not {"tf.bin", "training_args.bin"} & set(weights)


def test_a_missing_shard(model):
    (model / "model-00002-of-00002.safetensors").unlink()
    assert "model-00002-of-00002.safetensors" in refused(model, "missing_shard")


def test_all_shards_missing(model):
    for shard in model.glob("*.safetensors"):
        shard.unlink()
    refused(model, "missing_shard")


def test_an_index_of_a_format_that_was_not_downloaded(model):
    write_index(model, {"a": "pytorch_model-00001-of-00001.bin"}, "pytorch_model.bin.index.json")
    (note,) = [note for note in hf.scan_folder(model).notes if "shards" in note]
    assert note.startswith("pytorch_model.bin.index.json: none of its 1 shards")


def test_an_index_in_a_folder_names_files_beside_it(model):
    inner = model / "unet"
    inner.mkdir()
    write_index(inner, {"a": "part.safetensors"})
    save_file({"a": np.ones(1)}, inner / "part.safetensors")
    assert "unet/part.safetensors" in hf.scan_folder(model).weights


@pytest.mark.parametrize("shard", ["../other.safetensors", "/etc/passwd", "a/../../b", "", "a\\b"])
def test_shards_outside_the_folder(model, shard):
    write_index(model, {"a": shard})
    refused(model, "unsafe_path")


@pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": []}', '{"weight_map": {"a": 1}}'])
def test_indexes_that_are_none(model, text):
    (model / "model.safetensors.index.json").write_text(text)
    refused(model, "bad_header")


def test_an_index_of_something_else_is_left_alone(model):
    (model / "search.index.json").write_text('{"entries": []}')
    assert hf.scan_folder(model).notes[1:] == ()


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"a": 1'])
def test_configurations_that_are_none(model, text):
    (model / "config.json").write_text(text)
    refused(model, "bad_header")


def test_a_git_lfs_pointer(model):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (model / "model-00001-of-00002.safetensors").write_text(pointer)
    assert "git lfs pull" in refused(model, "bad_input")


def test_links_inside_the_folder(model):
    (model / "link.txt").symlink_to("vocab.txt")
    assert ("link.txt", model / "link.txt") in hf.scan_folder(model).files


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside.txt", "missing", "loop"])
def test_links_that_leave_the_folder_or_lead_nowhere(model, target):
    (model.parent / "outside.txt").write_text("secret")
    (model / "loop").symlink_to(target)
    refused(model, "unsafe_path")


@pytest.mark.parametrize("target", [".", "onnx", ".."])
def test_links_to_folders(model, target):
    (model / "link").symlink_to(target)
    refused(model, "unsafe_path")


def test_a_pipe(model):
    os.mkfifo(model / "pipe")
    refused(model, "unsafe_path")


def test_the_hugging_face_cache(tmp_path):
    """Its snapshots are folders of links into the `blobs` beside them."""
    blobs = tmp_path / "models--x" / "blobs"
    root = tmp_path / "models--x" / "snapshots" / "0123abcd"
    blobs.mkdir(parents=True)
    root.mkdir(parents=True)
    save_file({"a": np.ones(2)}, blobs / "f00")
    (root / "model.safetensors").symlink_to("../../blobs/f00")
    assert hf.scan_folder(root).weights == ("model.safetensors",)
    (tmp_path / "models--x" / "other").write_text("x")
    (root / "other.txt").symlink_to("../../other")
    refused(root, "unsafe_path")


def test_folders_without_end(tmp_path):
    deep = tmp_path
    for _ in range(33):
        deep = deep / "d"
    deep.mkdir(parents=True)
    refused(tmp_path, "unsafe_path")


def test_no_folder(tmp_path):
    with pytest.raises(NotFoundError):
        hf.scan_folder(tmp_path / "none")
