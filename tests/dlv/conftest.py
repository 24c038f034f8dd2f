"""A repository in a fresh folder, arrays committed to it, and a file of every kind."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from modelhub.dlv import stage
from modelhub.dlv.commit import CommitResult, commit
from modelhub.dlv.state import Repo

CommitArrays = Callable[..., CommitResult]


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repo]:
    with Repo.init(tmp_path / "repository") as opened:
        yield opened


@pytest.fixture
def commit_arrays(repo: Repo, tmp_path: Path) -> CommitArrays:
    """Return a function (name, arrays, files={path: text}, **options of commit)."""

    def commit_them(
        name: str,
        arrays: Mapping[str, np.ndarray] | None = None,
        files: Mapping[str, str] | None = None,
        **options: Any,
    ) -> CommitResult:
        folder = tmp_path / "input"
        folder.mkdir(exist_ok=True)
        paths = []
        if arrays is not None:
            paths.append(folder / "weights.npz")
            np.savez(paths[-1], **arrays)
        for path, text in (files or {}).items():
            paths.append(folder / path)
            paths[-1].write_text(text)
        if paths:
            stage.add(repo, paths)
        return commit(repo, name, **options)

    return commit_them


def _floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _write_every_dtype(path: Path) -> None:
    bits = np.arange(65536, dtype=np.uint16)
    tensors = {
        name: torch.from_numpy(bits.view(np.int16).copy()).view(dtype)
        for name, dtype in {
            "bf16": torch.bfloat16,
            "f16": torch.float16,
            "e4m3": torch.float8_e4m3fn,
            "e5m2": torch.float8_e5m2,
            "i16": torch.int16,
            "u8": torch.uint8,
            "i8": torch.int8,
        }.items()
    }
    nan = np.array([0x7F800001, 0xFFC12345, 0x7F800000, 0x80000000], np.uint32)
    tensors["signalling"] = torch.from_numpy(nan.view(np.int32).copy()).view(torch.float32)
    tensors["f64"] = torch.arange(5, dtype=torch.float64)
    tensors["i32"] = torch.arange(5, dtype=torch.int32)
    tensors["i64"] = torch.arange(5)
    tensors["bool"] = torch.tensor([True, False])
    tensors["c64"] = torch.tensor([1 + 2j], dtype=torch.complex64)
    tensors["scalar"] = torch.tensor(3.5)
    tensors["empty"] = torch.empty(0, 4)
    tensors["odd/na.me\nü"] = torch.ones(3)
    save_torch(tensors, str(path), metadata={"format": "pt"})


def _write_checkpoint(path: Path, **options: object) -> None:
    weight = torch.from_numpy(_floats(40, 30))
    state = OrderedDict(
        a=weight, tied=weight, part=weight[3:7], turned=weight.t(), n=torch.tensor(1)
    )
    torch.save({"model": state, "epoch": 3, "name": "x", "none": None}, path, **options)


def _write_onnx(path: Path) -> None:
    values = {"fc.weight": _floats(8, 6), "fc.bias": _floats(8), "shape": np.array([-1, 6])}
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["flat"], name="flat"),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["y"], name="fc", transB=1),
    ]
    ends = [
        helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 2, 3]),
        helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", 8]),
    ]
    stored = [numpy_helper.from_array(array, name) for name, array in values.items()]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], stored)
    path.write_bytes(helper.make_model(graph).SerializeToString())


def _write_pt2(path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8)).eval()
    torch.export.save(torch.export.export(net, (torch.ones(2, 6),), strict=False), path)


@pytest.fixture
def every_kind(tmp_path: Path) -> dict[str, Path]:
    """Return a file of every kind by its name, in a folder of their own."""
    folder = tmp_path / "every-kind"
    folder.mkdir()
    paths = {name: folder / name for name in ("all.safetensors", "zip.pt", "legacy.pth")}
    _write_every_dtype(paths["all.safetensors"])
    _write_checkpoint(paths["zip.pt"])
    _write_checkpoint(paths["legacy.pth"], _use_new_zipfile_serialization=False)
    for name, save in (("plain.npz", np.savez), ("packed.npz", np.savez_compressed)):
        paths[name] = folder / name
        save(paths[name], a=_floats(9, 5), f=np.asfortranarray(_floats(4, 3)), e=np.empty((0, 2)))
    paths["one.npy"] = folder / "one.npy"
    np.save(paths["one.npy"], _floats(7))
    paths["swapped.npy"] = folder / "swapped.npy"
    np.save(paths["swapped.npy"], _floats(7).astype(">f4"))
    paths["none.safetensors"] = folder / "none.safetensors"
    save_file({}, paths["none.safetensors"])
    paths["net.onnx"] = folder / "net.onnx"
    _write_onnx(paths["net.onnx"])
    paths["net.pt2"] = folder / "net.pt2"
    _write_pt2(paths["net.pt2"])
    paths["notes.txt"] = folder / "notes.txt"
    paths["notes.txt"].write_bytes(b"text\n" * 30_000)
    paths["nothing"] = folder / "nothing"
    paths["nothing"].write_bytes(b"")
    return paths
