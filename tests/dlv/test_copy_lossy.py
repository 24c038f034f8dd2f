"""Lossy copies of real files: libraries read them back, labels stay, nothing else changes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file as load_numpy
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file as save_torch

from modelhub.dlv import fsck, gc, reindex, stage
from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import commit, commit_content
from modelhub.dlv.copy import copy
from modelhub.dlv.describe import describe
from modelhub.dlv.diff import diff
from modelhub.dlv.listing import listing
from modelhub.dlv.memory import content_of
from modelhub.dlv.remove import remove
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import weights
from modelhub.errors import BadInputError, UsageError
from modelhub.tensors.schemes import DTYPES_LOSSY, apply, parse

SCHEMES = ["bf16", "fp16", "fixed:6", "quantize:4", "random:4"]
RNG = np.random.default_rng(0)
ARRAYS = {
    "a.weight": RNG.standard_normal((40, 30)).astype(np.float32),
    "a.bias": np.array([0.1, np.nan, -np.inf, 3.0], np.float32),
    "double": RNG.standard_normal(50),
    "half": RNG.standard_normal((5, 5)).astype(np.float16),
    "steps": np.arange(6, dtype=np.int64).reshape(2, 3),
    "mask": np.array([True, False]),
    "scalar": np.array(2.7, np.float32),
    "empty": np.empty((0, 4), np.float32),
    "zeros": np.zeros(3, np.float32),
    "fortran": np.asfortranarray(RNG.standard_normal((6, 7)).astype(np.float32)),
}


def put(repo: Repo, name: str, *paths: Path, **options):
    stage.add(repo, list(paths))
    return commit(repo, name, **options)


def read(repo: Repo, rev: str) -> dict[str, np.ndarray]:
    snapshot = resolve(repo, rev).snapshot
    assert snapshot is not None
    return dict(weights(repo, snapshot.tree))


def expected(repo: Repo, rev: str, scheme: str) -> dict[str, np.ndarray]:
    """What the scheme makes of each tensor of a version, by the ids of its storages."""
    snapshot = resolve(repo, rev).snapshot
    assert snapshot is not None
    with repo.catalog.read() as txn:
        ids = {record.name: record.id for record in txn.tensors(snapshot.tree)}
    result = {}
    for name, array in read(repo, rev).items():
        if array.dtype.name in DTYPES_LOSSY:
            # A storage is what counts; one in Fortran order is the array turned.
            turned = array.flags.f_contiguous and not array.flags.c_contiguous
            storage = array.T if turned else array
            done = apply(parse(scheme), storage, array.dtype.name, ids[name]).array
            array = done.T if turned else done
        result[name] = array
    return result


def same(found, wanted) -> None:
    assert sorted(found) == sorted(wanted)
    for name, array in wanted.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert np.ascontiguousarray(found[name]).tobytes() == array.tobytes(), name


def whole(repo: Repo) -> None:
    assert fsck.fsck(repo.layout.root).problems == ()


def save(path: Path, kind: str) -> None:
    torches = {name: torch.from_numpy(np.array(array)) for name, array in ARRAYS.items()}
    if kind == "safetensors":
        save_numpy({k: np.ascontiguousarray(v) for k, v in ARRAYS.items()}, path)
    elif kind == "npz":
        np.savez(path, **ARRAYS)
    elif kind == "deflated":
        np.savez_compressed(path, **ARRAYS, big=ARRAYS["double"].astype(">f8"), text=np.array("x"))
    elif kind == "torch":
        torch.save(torches, path)
    else:
        torch.save(torches, path, _use_new_zipfile_serialization=False)


def load(path: Path, kind: str) -> dict[str, np.ndarray]:
    if kind == "safetensors":
        return load_numpy(path)
    if kind in ("npz", "deflated"):
        # Members are checked against their checksums when they are read.
        assert zipfile.ZipFile(path).testzip() is None
        with np.load(path) as found:
            return {name: found[name] for name in found}
    if kind == "torch":
        assert zipfile.ZipFile(path).testzip() is None
    return {k: v.numpy() for k, v in torch.load(path, weights_only=True).items()}


SUFFIX = {"safetensors": "safetensors", "npz": "npz", "deflated": "npz"}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["safetensors", "npz", "deflated", "torch", "legacy"])
def test_every_container_comes_back_with_the_new_values(
    repo: Repo, tmp_path: Path, kind: str, scheme: str
) -> None:
    path = tmp_path / f"w.{SUFFIX.get(kind, 'pt')}"
    save(path, kind)
    (tmp_path / "notes.txt").write_text("text")
    put(repo, "m", path, tmp_path / "notes.txt")
    wanted = expected(repo, "m", scheme)
    exact = read(repo, "m")
    done = copy(repo, "m", "lossy", scheme=scheme)
    assert done.parents == ("m@1",)
    same(read(repo, "lossy"), wanted)
    same(read(repo, "m"), exact)
    result = checkout(repo, "lossy", tmp_path / "out")
    assert [(file.path, file.verified) for file in result.files] == [
        ("notes.txt", True),
        (path.name, True),
    ]
    found = load(tmp_path / "out" / path.name, kind)
    assert found["fortran"].flags.f_contiguous == (kind != "safetensors")
    if kind == "deflated":
        assert found.pop("text") == "x"
        assert found["big"].dtype == np.dtype("<f8")
    same(found, wanted)
    # What was checked out is a file like any other, with the same tensors in it.
    put(repo, "again", tmp_path / "out" / path.name)
    same(read(repo, "again"), wanted)
    whole(repo)
    assert [p for p in repo.layout.packs_dir.iterdir() if p.suffix != ".pack"] == []


def test_sizes_and_all_but_the_values_stay(repo: Repo, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    save(path, "torch")
    put(repo, "m", path)
    copy(repo, "m", "lossy", scheme="bf16")
    checkout(repo, "lossy", tmp_path / "out")
    old, new = path.read_bytes(), (tmp_path / "out" / "w.pt").read_bytes()
    assert len(old) == len(new)
    with zipfile.ZipFile(path) as a, zipfile.ZipFile(tmp_path / "out" / "w.pt") as b:
        assert [i.header_offset for i in a.infolist()] == [i.header_offset for i in b.infolist()]
        for name in a.namelist():
            if "/data/" not in name:
                assert a.read(name) == b.read(name)


@pytest.mark.parametrize("order", ["<", ">"])
def test_an_npy_file(repo: Repo, tmp_path: Path, order: str) -> None:
    array = ARRAYS["a.weight"].astype(f"{order}f4")
    np.save(tmp_path / "w.npy", array)
    put(repo, "m", tmp_path / "w.npy")
    wanted = expected(repo, "m", "quantize:3")["array"]
    copy(repo, "m", "lossy", scheme="quantize:3")
    checkout(repo, "lossy", tmp_path / "out")
    assert (np.load(tmp_path / "out" / "w.npy") == wanted).all()
    assert np.unique(wanted).size == 8
    whole(repo)


def test_bfloat16_float8_and_complex(repo: Repo, tmp_path: Path) -> None:
    tensors = {
        "bf16": torch.randn(30).to(torch.bfloat16),
        "fp8": torch.randn(30).to(torch.float8_e4m3fn),
        "complex": torch.randn(30, dtype=torch.complex64),
    }
    save_torch(tensors, tmp_path / "w.safetensors")
    put(repo, "m", tmp_path / "w.safetensors")
    copy(repo, "m", "lossy", scheme="quantize:2")
    old, new = read(repo, "m"), read(repo, "lossy")
    assert new["fp8"].tobytes() == old["fp8"].tobytes()
    assert new["bf16"].dtype == ml_dtypes.bfloat16
    assert np.unique(new["bf16"]).size == 4
    assert np.unique(new["complex"].view(np.float32)).size == 4
    found = describe(repo, "lossy").lossy
    assert found is not None
    assert found.exact == ("fp8",)


def test_ties_and_views_stay(repo: Repo, tmp_path: Path) -> None:
    base = torch.randn(6, 4)
    state = {"w": base, "tied": base, "turned": base.T, "row": base[2]}
    torch.save(state, tmp_path / "views.pt")
    put(repo, "m", tmp_path / "views.pt")
    copy(repo, "m", "lossy", scheme="fixed:4")
    new = read(repo, "lossy")
    assert np.shares_memory(new["w"], new["tied"])
    assert np.shares_memory(new["w"], new["row"])
    assert (new["w"] == new["turned"].T).all()
    assert (new["w"] != base.numpy()).any()
    checkout(repo, "lossy", tmp_path / "out")
    found = torch.load(tmp_path / "out" / "views.pt", weights_only=True)
    assert found["w"].data_ptr() == found["tied"].data_ptr()
    assert describe(repo, "lossy").tied == describe(repo, "m").tied


def test_tied_arrays_of_a_program(repo: Repo, tmp_path: Path) -> None:
    put(repo, "unused", _text(tmp_path))
    from_memory = repo_commit(repo, {"x": ARRAYS["a.weight"], "y": ARRAYS["a.weight"]})
    copy(repo, from_memory, "lossy", scheme="bf16")
    new = read(repo, "lossy")
    assert np.shares_memory(new["x"], new["y"])
    checkout(repo, "lossy", tmp_path / "out")
    assert len(load_numpy(tmp_path / "out" / "model.safetensors")) == 2
    whole(repo)


def _text(folder: Path) -> Path:
    (folder / "t.txt").write_text("t")
    return folder / "t.txt"


def repo_commit(repo: Repo, arrays) -> str:
    done = commit_content(repo, "memory", content_of(arrays, {}, [], {}, {}))
    return f"{done.name}@{done.version}"


def test_snapshots_and_files_with_a_name_in_common(repo: Repo, tmp_path: Path) -> None:
    snapshots = []
    for number in range(3):
        folder = tmp_path / f"s{min(number, 1)}"
        folder.mkdir(exist_ok=True)
        for part in ("a", "b"):
            array = ARRAYS["a.weight"] * (1 + min(number, 1))
            save_numpy({"w": array, part: array[0]}, folder / f"{part}.safetensors")
        snapshots.append((f"step-{number}", folder))
    commit(repo, "m", snapshots=snapshots, metadata={"best_snapshot": "step-0"})
    copy(repo, "m", "lossy", scheme="quantize:4")
    version = resolve(repo, "lossy").version
    assert [s.label for s in version.snapshots] == ["step-0", "step-1", "step-2"]
    assert version.snapshots[1].tree == version.snapshots[2].tree
    for label in ("step-0", "step-1"):
        same(read(repo, f"lossy#{label}"), expected(repo, f"m#{label}", "quantize:4"))
    assert sorted(read(repo, "lossy")) == [
        "a.safetensors:a",
        "a.safetensors:w",
        "b.safetensors:b",
        "b.safetensors:w",
    ]
    whole(repo)


def labelled(repo: Repo, scheme: str) -> None:
    """The label is in the list, the description and the comparison."""
    (row,) = [row for row in listing(repo) if row.name == "lossy"]
    assert row.lossy is not None
    assert row.lossy.scheme == scheme
    assert row.metric is None
    found = describe(repo, "lossy").lossy
    assert found is not None
    assert found.label == row.lossy
    comparison = diff(repo, ["m", "lossy"], values=False).comparisons[0]
    assert (comparison.left_lossy, comparison.right_lossy) == (None, row.lossy)


def test_the_label_outlives_the_catalog_and_gc(repo: Repo, tmp_path: Path) -> None:
    save(tmp_path / "w.npz", "npz")
    put(repo, "m", tmp_path / "w.npz", metadata={"accuracy": 0.9, "lr": 0.1})
    copy(repo, "m", "lossy", scheme="fixed:6")
    before = describe(repo, "lossy")
    assert before.metadata["accuracy"] == 0.9
    assert before.metadata["lossy.scheme"] == "fixed:6"
    labelled(repo, "fixed:6")
    root = repo.layout.root
    repo.close()
    reindex.reindex(repo.layout)
    with Repo.open(root) as opened:
        labelled(opened, "fixed:6")
        assert describe(opened, "lossy").lossy == before.lossy
        wanted = expected(opened, "m", "fixed:6")
        remove(opened, ["m"])
        gc.gc(opened)
        same(read(opened, "lossy"), wanted)
        found = describe(opened, "lossy").lossy
        assert found is not None
        assert found.source.endswith("(removed)")
        whole(opened)


def test_bounds_and_errors_are_those_of_the_values(repo: Repo, tmp_path: Path) -> None:
    save(tmp_path / "w.safetensors", "safetensors")
    put(repo, "m", tmp_path / "w.safetensors")
    for scheme in SCHEMES:
        copy(repo, "m", "lossy", scheme=scheme)
        found = describe(repo, "lossy").lossy
        assert found is not None
        assert set(found.exact) == {"steps", "mask", "empty"}
        old, new = read(repo, "m"), read(repo, "lossy")
        errors = []
        for tensor in found.tensors:
            finite = np.isfinite(old[tensor.name])
            before, after = (side[tensor.name][finite].astype(float) for side in (old, new))
            error = np.abs(before - after).max()
            assert tensor.loss.max_error == error
            assert tensor.loss.bound is None or error <= tensor.loss.bound
            assert (tensor.loss.bound is None) <= (scheme == "random:4")
            errors.append(error)
        assert errors == sorted(errors, reverse=True)
        assert found.label.max_error == errors[0]
        assert (found.label.bound is None) == (scheme == "random:4")


def test_a_copy_of_a_lossy_version_says_all_schemes(repo: Repo, tmp_path: Path) -> None:
    save(tmp_path / "w.safetensors", "safetensors")
    put(repo, "m", tmp_path / "w.safetensors")
    first = copy(repo, "m", "one", scheme="bf16")
    copy(repo, "one", "lossy", scheme="quantize:8")
    labelled(repo, "bf16, quantize:8")
    found = describe(repo, "lossy").lossy
    assert found is not None
    assert found.label.source.hex() == first.id
    assert found.source == "one@1"
    plain = copy(repo, "lossy", "plain")
    assert plain.lossy == found.label
    assert plain.stored_bytes < 20_000


def test_refusals_leave_nothing_behind(repo: Repo, tmp_path: Path) -> None:
    put(repo, "text", _text(tmp_path))
    save_numpy({"n": np.arange(3)}, tmp_path / "n.safetensors")
    put(repo, "integers", tmp_path / "n.safetensors")
    save_numpy({"a": np.ones(9, np.float32), "big": np.array([1e9])}, tmp_path / "b.safetensors")
    put(repo, "big", tmp_path / "b.safetensors")
    torch.save({"w": torch.ones(3), "n": np.ones(3)}, tmp_path / "n.pt")
    put(repo, "pickled", tmp_path / "n.pt")
    packs = sorted(repo.layout.packs_dir.iterdir())
    with pytest.raises(UsageError, match="quantize:BITS"):
        copy(repo, "big", "lossy", scheme="int8")
    for name, words in (
        ("text", "no tensor has a dtype"),
        ("integers", "no tensor has a dtype"),
        ("big", "big: the value 1e\\+09 is too large for fp16"),
        ("pickled", "n.pt: tensor 'n' does not lie in the file"),
    ):
        with pytest.raises(BadInputError, match=words):
            copy(repo, name, "lossy", scheme="fp16")
    assert [row.name for row in listing(repo, "lossy")] == []
    assert sorted(repo.layout.packs_dir.iterdir()) == packs
    whole(repo)


def test_progress_reaches_the_end(repo: Repo, tmp_path: Path) -> None:
    save(tmp_path / "w.safetensors", "safetensors")
    put(repo, "m", tmp_path / "w.safetensors")
    steps: list[tuple[int, int]] = []
    copy(repo, "m", "lossy", scheme="bf16", progress=lambda *step: steps.append(step))
    assert steps[-1] == (steps[-1][1], (tmp_path / "w.safetensors").stat().st_size)
