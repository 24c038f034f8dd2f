"""The main job: every kind of file comes back byte for byte, at once, reopened, after gc."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from modelhub.dlv import stage
from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import commit
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import weights
from tests.killed import run_killed


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def check_out(repo: Repo, inputs: dict[str, Path], out: Path) -> None:
    for name, path in inputs.items():
        model = name.replace(".", "-")
        target = out / model
        done = checkout(repo, model, target)
        assert all(file.verified for file in done.files)
        assert sha256(target / name) == sha256(path)


def test_every_kind_of_file_comes_back(tmp_path: Path, every_kind: dict[str, Path]) -> None:
    inputs = every_kind
    with Repo.init(tmp_path / "repo") as repo:
        for name, path in inputs.items():
            stage.add(repo, [path])
            commit(repo, name.replace(".", "-"))
        check_out(repo, inputs, tmp_path / "at-once")
    with Repo.open(tmp_path / "repo") as repo:
        check_out(repo, inputs, tmp_path / "reopened")
        gc(repo)
        check_out(repo, inputs, tmp_path / "after-gc")
    assert fsck(tmp_path / "repo").problems == ()
    script = (
        "import sys; from pathlib import Path; from modelhub.dlv.state import Repo\n"
        "from modelhub.dlv.checkout import checkout\n"
        "with Repo.open(Path(sys.argv[1])) as repo:\n"
        "    for name in sys.argv[3:]: checkout(repo, name, Path(sys.argv[2]) / name)\n"
    )
    models = [name.replace(".", "-") for name in inputs]
    out = tmp_path / "elsewhere"
    command = [sys.executable, "-c", script, str(tmp_path / "repo"), str(out), *models]
    subprocess.run(command, check=True)
    for name, path in inputs.items():
        assert sha256(out / name.replace(".", "-") / name) == sha256(path)


def test_a_sharded_model_folder_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"a.weight": floats(30, 4)}, folder / "model-00001-of-00002.safetensors")
    save_file({"b.weight": floats(20, 4)}, folder / "model-00002-of-00002.safetensors")
    weight_map = {
        "a.weight": "model-00001-of-00002.safetensors",
        "b.weight": "model-00002-of-00002.safetensors",
    }
    index = {"metadata": {"total_size": 800}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text('{"hidden_size": 4, "model_type": "tiny"}')
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "vocab.txt").write_text("a\nb\n")
    with Repo.init(tmp_path / "repo") as repo:
        stage.add(repo, [folder])
        made = commit(repo, "tiny")
        checkout(repo, "tiny", tmp_path / "out")
        assert made.snapshots == ("final",)
        with repo.catalog.read() as txn:
            version = txn.latest("tiny")
            assert version is not None
            assert txn.metadata(version.id)["config.hidden_size"] == 4
            names = [row.name for row in txn.tensors(version.snapshots[0].tree)]
        assert names == ["a.weight", "b.weight"]
    originals = {p.relative_to(folder): sha256(p) for p in folder.rglob("*") if p.is_file()}
    out = tmp_path / "out"
    assert originals == {p.relative_to(out): sha256(p) for p in out.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", ["net.onnx", "net.pt2"])
def test_a_network_file_shares_its_weights(
    tmp_path: Path, every_kind: dict[str, Path], name: str
) -> None:
    with Repo.init(tmp_path / "repo") as repo:
        stage.add(repo, [every_kind[name]])
        commit(repo, "net")
        arrays = weights(repo, resolve(repo, "net").snapshot.tree)
        save_file({key: value.copy() for key, value in arrays.items()}, tmp_path / "w.safetensors")
        stage.add(repo, [tmp_path / "w.safetensors"])
        same = commit(repo, "same")
        assert (same.tensors_new, same.tensors_delta) == (0, 0)
        assert same.tensors_known == len(arrays)
        key = next(key for key in sorted(arrays) if arrays[key].ndim == 2)
        close = {**arrays, key: arrays[key] * np.float32(1.0001)}
        assert (arrays[key].shape, arrays[key].dtype) == ((8, 6), np.float32)
        save_file(close, tmp_path / "w.safetensors")
        stage.add(repo, [tmp_path / "w.safetensors"])
        tuned = commit(repo, "tuned", bases=["net"])
        assert tuned.tensors_known == len(arrays) - 1
        checkout(repo, "net", tmp_path / "out")
        assert sha256(tmp_path / "out" / name) == sha256(every_kind[name])


def test_snapshots_are_deltas_and_each_comes_back(tmp_path: Path) -> None:
    paths = []
    values = floats(300, 300)
    for step in range(4):
        paths.append(tmp_path / f"step{step}" / "w.safetensors")
        paths[-1].parent.mkdir()
        save_file({"w": values}, paths[-1])
        values = values + floats(300, 300) * np.float32(1e-5)
    with Repo.init(tmp_path / "repo") as repo:
        snapshots = [(f"s{step}", path) for step, path in enumerate(paths)]
        made = commit(repo, "run", snapshots=snapshots)
        assert (made.tensors_new, made.tensors_delta) == (1, 3)
        assert made.stored_bytes < made.logical_bytes * 0.7
        for step, path in enumerate(paths):
            out = tmp_path / f"out{step}"
            checkout(repo, f"run@1#s{step}", out)
            assert sha256(out / "w.safetensors") == sha256(path)
        assert checkout(repo, "run", tmp_path / "last").rev == "run@1#s3"


def test_an_unchanged_model_costs_almost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({f"layer{n}.w": floats(200, 200) + n for n in range(20)}, path)
    with Repo.init(tmp_path / "repo") as repo:
        stage.add(repo, [path])
        commit(repo, "m")
        stage.add(repo, [path])
        again = commit(repo, "m")
    assert again.tensors_known == 20
    assert again.stored_bytes < 64 * 1024
    assert again.parents == ("m@1",)


KILLED = """
from modelhub.dlv import stage
from modelhub.dlv.commit import commit
from modelhub.dlv.state import Repo

with Repo.open(Path(sys.argv[1])) as repo:
    arm()
    commit(repo, "m")
"""


def test_a_commit_killed_anywhere_is_whole_or_not_there(tmp_path: Path) -> None:
    old, new = tmp_path / "old.npy", tmp_path / "new.npy"
    np.save(old, floats(100, 100))
    np.save(new, floats(100, 100) + np.float32(1e-4))
    root = tmp_path / "repo"
    with Repo.init(root) as repo:
        stage.add(repo, [old])
        commit(repo, "m")
        stage.add(repo, [new])
    killed = 0
    for point in range(40):
        work = tmp_path / f"work{point}"
        shutil.copytree(root, work)
        ended = run_killed(point, KILLED, str(work))
        assert fsck(work).problems == ()
        with Repo.open(work) as repo:
            checkout(repo, "m@1", tmp_path / f"out{point}")
            assert sha256(tmp_path / f"out{point}" / "old.npy") == sha256(old)
            with repo.catalog.read() as txn:
                present = txn.version_by_sequence("m", 2) is not None
            if present:
                checkout(repo, "m@2", tmp_path / f"out{point}")
                assert sha256(tmp_path / f"out{point}" / "new.npy") == sha256(new)
            gc(repo)
        assert fsck(work).problems == ()
        if ended == 0:
            assert present
            break
        assert ended == -signal.SIGKILL
        killed += 1
    else:
        pytest.fail("the commit never came to its end")
    assert killed >= 4


def test_bfloat16_and_fp8_weights_read_back(tmp_path: Path, every_kind: dict[str, Path]) -> None:
    path = every_kind["all.safetensors"]
    with Repo.init(tmp_path / "repo") as repo:
        stage.add(repo, [path])
        commit(repo, "all")
        checkout(repo, "all", tmp_path / "cut", planes=1)
        checkout(repo, "all", tmp_path / "half", precision="bf16", tensors="s*")
    assert (tmp_path / "cut" / "all.safetensors").stat().st_size == path.stat().st_size
    assert (tmp_path / "half" / "model.safetensors").exists()
