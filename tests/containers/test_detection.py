from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from modelhub import containers
from modelhub.containers.detection import KINDS, WEIGHT_SUFFIXES
from modelhub.fs.files import InputFile


def kind_of(path) -> str:
    with InputFile(path) as file:
        return containers.detect(path, file)


@pytest.fixture
def torch_bytes(lab):
    def make(legacy):
        path = lab.folder / "made.pt"
        torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=not legacy)
        return path.read_bytes()

    return make


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.safetensors", "safetensors"),
        ("a.SafeTensors", "safetensors"),
        ("a.npz", "npz"),
        ("a.npy", "npy"),
        ("a.pt", "torch"),
        ("a.pth", "torch"),
        ("a.bin", "file"),
        ("a.ckpt", "file"),
        ("a.pt2", "pt2"),
        ("a.onnx", "onnx"),
        ("config.json", "file"),
        ("safetensors", "file"),
        ("a.safetensors.index.json", "file"),
    ],
)
def test_the_name_promises_a_kind(lab, name, kind):
    assert kind_of(lab.write(name, b"anything")) == kind
    assert kind_of(lab.write(name, b"")) == kind


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pt", ".pth"])
def test_ambiguous_names_are_torch_files_by_content(lab, torch_bytes, legacy, suffix):
    path = lab.write(f"a{suffix}", torch_bytes(legacy))
    assert kind_of(path) == "torch"
    assert lab.read(path).names == ["a"]


def test_other_content_under_ambiguous_names(lab):
    assert kind_of(lab.zip("a.bin", [("x", b"")])) == "file"
    assert kind_of(lab.write("b.bin", lab.pickled({"a": 1}))) == "file"
    assert kind_of(lab.write("c.bin", bytes(100))) == "file"


def test_a_damaged_archive_under_an_ambiguous_name_is_an_error(lab, torch_bytes):
    path = lab.write("a.bin", torch_bytes(legacy=False)[:-10])
    assert kind_of(path) == "torch"
    lab.refused(path, "truncated")


def test_content_does_not_make_other_names_weights(lab, torch_bytes):
    assert kind_of(lab.write("a.pkl", torch_bytes(legacy=True))) == "file"
    assert kind_of(lab.write("a", lab.npy(np.ones(2)))) == "file"


def test_settings_of_the_trainer_are_no_weights(lab, torch_bytes):
    assert kind_of(lab.write("training_args.bin", torch_bytes(legacy=False))) == "file"


@pytest.mark.parametrize("suffix", sorted(WEIGHT_SUFFIXES))
def test_git_lfs_pointers_are_refused(lab, suffix):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    error = lab.refused(lab.write(f"a{suffix}", pointer), "bad_input")
    assert "git lfs pull" in str(error)
    assert kind_of(lab.write("tokenizer.json", pointer)) == "file"


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".npy", ".pt", ".pth", ".onnx", ".pt2"])
def test_a_broken_promise_is_an_error(lab, suffix):
    for name, data in [("empty", b""), ("text", b"hello, this is text" * 9), ("zeros", bytes(99))]:
        path = lab.write(name + suffix, data)
        with pytest.raises(containers.detection.BadInputError) as caught:
            lab.read(path)
        assert caught.value.exit_status == 6
        assert str(path) in str(caught.value)


def test_any_file_can_be_kept_as_one(lab):
    assert lab.read(lab.write("a.pt", b"hello"), "file").names == []
    empty = lab.read(lab.write("b.pt", b""), "file")
    assert list(empty.parsed.pieces()) == []


def test_kinds_are_those_of_the_stage():
    assert set(KINDS) == {"safetensors", "npz", "npy", "torch", "onnx", "pt2", "file"}


def test_the_real_file_of_a_link_is_judged_by_the_links_name(lab):
    blob = lab.folder / "blob"
    save_file({"a": np.ones(2)}, blob)
    link = lab.folder / "model.safetensors"
    link.symlink_to(blob)
    assert kind_of(link) == "safetensors"
    assert lab.read(link).names == ["a"]
