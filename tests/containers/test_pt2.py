""".pt2 files: the weights that `torch.export.load` gives, and files that torch would unpickle."""

from __future__ import annotations

import io
import json
import os
import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.containers.conftest import Lab


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(16, 10)
        self.tied = self.fc.weight
        self.turned = nn.Parameter(self.fc.weight.detach().t())
        self.brain = nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
        self.register_buffer("scratch", torch.arange(10.0), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn(self.conv(x)).flatten(1)
        return self.fc(x) + self.tied.sum() + self.turned.sum() + self.brain.sum() + self.scratch


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pt2") / "net.pt2"
    program = torch.export.export(Net().eval(), (torch.randn(1, 1, 4, 4),), strict=False)
    torch.export.save(program, path)
    return path


def changed(path: Path, out: Path, **members: bytes | None) -> Path:
    """Write the archive again with other members; `__` in a name stands for `/`."""
    new = {name.replace("__", "/"): data for name, data in members.items()}
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w") as target:
        root = source.namelist()[0].partition("/")[0]
        for name in source.namelist():
            inner = name.partition("/")[2]
            data = new.pop(inner, source.read(name))
            if data is not None:
                target.writestr(name, data)
        for inner, data in new.items():
            target.writestr(f"{root}/{inner}", data or b"")
    return out


CONFIG = "data/weights/model_weights_config.json"


def config(path: Path) -> dict:
    with zipfile.ZipFile(path) as source:
        (name,) = (name for name in source.namelist() if name.endswith(CONFIG))
        return json.loads(source.read(name))


def test_what_torch_loads(lab: Lab, archive: Path) -> None:
    state = torch.export.load(archive).state_dict
    read = lab.check(archive, dict(state))
    assert read.storage_of("tied") is read.storage_of("turned")
    assert "scratch" not in read.names


def test_two_models_in_one_archive(lab: Lab, archive: Path) -> None:
    again = changed(
        archive,
        lab.folder / "two.pt2",
        **{
            "data/weights/other_weights_config.json": json.dumps(config(archive)).encode(),
            "models/other.json": b"{}",
        },
    )
    with pytest.raises(Exception, match="overlap"):
        lab.read(again)
    rows = {"only": config(archive)["config"]["conv.bias"]}
    moved = rows["only"]
    moved["path_name"] = "weight_other"
    two = changed(
        archive,
        lab.folder / "both.pt2",
        **{
            "data/weights/other_weights_config.json": json.dumps({"config": rows}).encode(),
            "data/weights/weight_other": bytes(16),
        },
    )
    names = lab.read(two).names
    assert "other.only" in names
    assert "model.conv.bias" in names


def test_weights_that_torch_pickled(lab: Lab, archive: Path) -> None:
    out = io.BytesIO()
    torch.save(torch.arange(5.0), out)
    rows = config(archive)
    rows["config"]["brain"] = {
        "path_name": "weight_9x",
        "is_param": True,
        "use_pickle": True,
        "tensor_meta": None,
    }
    path = changed(
        archive,
        lab.folder / "pickled.pt2",
        **{CONFIG: json.dumps(rows).encode(), "data/weights/weight_9x": out.getvalue()},
    )
    read = lab.read(path)
    assert read.tensors["brain"][1] == np.arange(5, dtype=np.float32).tobytes()


def test_an_older_layout(lab: Lab) -> None:
    out = io.BytesIO()
    state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.int32)}
    torch.save(state, out)
    members = [
        ("serialized_exported_program.json", b"{}"),
        ("serialized_state_dict.pt", out.getvalue()),
        ("version", b"5.1"),
    ]
    lab.check(lab.zip("old.pt2", members), state)


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def evil(marker: Path) -> bytes:
    out = io.BytesIO()
    torch.save(Evil(marker), out)
    return out.getvalue()


def evil_archives(archive: Path, folder: Path, marker: Path) -> dict[str, Path]:
    """Put a pickle that makes a folder in each place where torch would read one."""
    rows = config(archive)
    rows["config"]["brain"]["use_pickle"] = True
    path_name = rows["config"]["brain"]["path_name"]
    constants = {
        "config": {
            "scratch": {
                "path_name": "opaque_obj_0",
                "is_param": False,
                "use_pickle": True,
                "tensor_meta": None,
            }
        }
    }
    places: dict[str, dict[str, bytes | None]] = {
        "inputs": {"data/sample_inputs/model.pt": evil(marker)},
        "weights": {CONFIG: json.dumps(rows).encode(), f"data/weights/{path_name}": evil(marker)},
        "old-weights": {"data/weights/model.pt": evil(marker), CONFIG: None},
        "constants": {"data/constants/model.pt": evil(marker)},
        "objects": {
            "data/constants/model_constants_config.json": json.dumps(constants).encode(),
            "data/constants/opaque_obj_0": pickle.dumps(Evil(marker)),
        },
    }
    return {
        name: changed(archive, folder / f"{name}.pt2", **members)
        for name, members in places.items()
    }


def test_no_pickle_runs(lab: Lab, archive: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    paths = evil_archives(archive, lab.folder, marker)
    for name, path in paths.items():
        lab.survives(path, "pt2")
        assert not marker.exists(), name
    lab.refused(paths["weights"], "unsafe_pickle")
    lab.refused(paths["old-weights"], "unsafe_pickle")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception):  # noqa: B017 - whatever torch says when it has run it
            torch.export.load(paths["inputs"]).module()(1)
    assert marker.exists(), "the pickle of this test does nothing"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"path_name": 3}, "bad_header"),
        ({"path_name": "weight_99"}, "bad_header"),
        ({"tensor_meta": None}, "bad_header"),
        ({"sizes": [{"as_int": 1 << 40}]}, "bad_shape"),
        ({"sizes": [{"as_int": -1}]}, "bad_header"),
        ({"sizes": [{"as_expr": "s0"}]}, "bad_header"),
        ({"sizes": [{"as_int": 1}] * 65}, "bad_header"),
        ({"storage_offset": {"as_int": 100}}, "bad_shape"),
        ({"strides": []}, "bad_header"),
        (None, "bad_header"),
    ],
)
def test_hostile_configs(lab: Lab, archive: Path, change: dict | None, kind: str) -> None:
    rows = config(archive)
    row = rows["config"]["brain"]
    if change is None:
        rows = {"config": []}
    else:
        target = row if change.keys() & row.keys() else row["tensor_meta"]
        target.update(change)
    path = changed(archive, lab.folder / "bad.pt2", **{CONFIG: json.dumps(rows).encode()})
    lab.refused(path, kind)


def test_other_archives(lab: Lab, archive: Path) -> None:
    lab.refused(lab.zip("a.pt2", [("x", b"")]), "bad_header")
    twice = b'{"config": {"a": 1, "a": 2}}'
    lab.refused(changed(archive, lab.folder / "b.pt2", **{CONFIG: twice}), "duplicate_name")
    deep = b"[" * 100_000
    lab.refused(changed(archive, lab.folder / "c.pt2", **{CONFIG: deep}), "bad_header")
    none = changed(archive, lab.folder / "d.pt2", **{CONFIG: None})
    assert lab.read(none).names == []
    cut = lab.write("e.pt2", archive.read_bytes()[:-30])
    lab.refused(cut, "truncated")
