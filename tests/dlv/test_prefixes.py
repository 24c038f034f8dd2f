"""Weights of a snapshot read by prefixes: what is promised of boxes, bytes and what is shared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.torch import save_file as save_torch

from modelhub import _core
from modelhub.dlv import stage
from modelhub.dlv.commit import CommitResult, commit
from modelhub.dlv.prefixes import Prefixes
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import intervals, weights, weights_counted
from modelhub.errors import BadInputError, CorruptionError, NotFoundError, UsageError

CommitArrays = Callable[..., CommitResult]


def tree_of(repo: Repo, rev: str) -> bytes:
    found = resolve(repo, rev).snapshot
    assert found is not None
    return found.tree


def floats(*shape: int, seed: int = 0, dtype: object = np.float32) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * 0.05).astype(dtype)


def contains(box: tuple[np.ndarray, np.ndarray], exact: np.ndarray) -> bool:
    value = exact.astype(np.float64)
    return bool(((box[0] <= value) & (value <= box[1])).all())


@pytest.fixture
def line(repo: Repo, commit_arrays: CommitArrays) -> list[dict[str, np.ndarray]]:
    """Commit three versions, each a little changed, in floats of every width and an integer."""
    arrays = {
        "a": floats(300, 70),
        "d": floats(90, 50, seed=1, dtype=np.float64),
        "h": floats(200, 40, seed=2, dtype=np.float16),
        "n": np.arange(2000) * 3,
        "tiny": floats(3, seed=3),
    }
    made = []
    for step in range(3):
        commit_arrays("m", arrays)
        made.append(dict(arrays))
        for name, array in arrays.items():
            if array.dtype.kind == "f":
                arrays[name] = (array + floats(*array.shape, seed=9 + step) * 1e-3).astype(
                    array.dtype
                )
    return made


def test_steps_come_from_the_index_and_end_exact(
    repo: Repo, line: list[dict[str, np.ndarray]]
) -> None:
    for version, arrays in enumerate(line, 1):
        prefixes = Prefixes(repo, tree_of(repo, f"m@{version}"))
        assert prefixes.names == tuple(sorted(arrays))
        for name in prefixes.names:
            steps = prefixes.steps(name)
            assert [s.nbytes for s in steps] == sorted({s.nbytes for s in steps})
            assert [s.bits for s in steps] == sorted({s.bits for s in steps})
            assert steps[-1].bits == 8 * arrays[name].itemsize
        assert [s.segments for s in prefixes.steps("n")] == [8]
        assert prefixes.bytes_read == prefixes.record_bytes == prefixes.requests == 0
        _, whole = weights_counted(repo, tree_of(repo, f"m@{version}"))
        assert prefixes.bytes_full == whole
        # Through a delta whole levels are read.
        if repo.store.entry(prefixes._storage("a").id).base is not None:
            assert [s.bits for s in prefixes.steps("a")] == [16, 32]


def test_a_prefix_is_completed_and_nothing_is_read_twice(
    repo: Repo, line: list[dict[str, np.ndarray]]
) -> None:
    for version, arrays in enumerate(line, 1):
        prefixes = Prefixes(repo, tree_of(repo, f"m@{version}"))
        for segments in range(1, 9):
            wanted = dict.fromkeys(prefixes.names, segments)
            before, expected = prefixes.bytes_read, prefixes.nbytes(wanted)
            assert prefixes.read(wanted) == expected - before
            assert prefixes.read(wanted) == 0
            for name, exact in arrays.items():
                box = prefixes.box(name)
                assert contains(box, exact)
                middle = prefixes.values(name)
                assert middle.dtype == exact.dtype
                assert contains(box, middle)
                if prefixes.is_exact(name):
                    assert box[0] is box[1]
                    assert middle.tobytes() == exact.tobytes()
                else:
                    assert (box[0] < box[1]).any()
            assert prefixes.bytes_read == expected
        assert prefixes.bytes_read == prefixes.bytes_full
        assert all(prefixes.is_exact(name) for name in prefixes.names)


def test_boxes_are_those_of_intervals(repo: Repo, line: list[dict[str, np.ndarray]]) -> None:
    tree = tree_of(repo, "m@3")
    for planes in (1, 2, 3):
        prefixes = Prefixes(repo, tree, "[adh]")
        prefixes.read(dict.fromkeys(prefixes.names, planes))
        leading = {name: prefixes.held(name) for name in prefixes.names}
        least, greatest = intervals(repo, tree, planes=leading, tensors="[adh]")
        for name in prefixes.names:
            box = prefixes.box(name)
            assert box[0].tobytes() == least[name].astype(np.float64).tobytes()
            assert box[1].tobytes() == greatest[name].astype(np.float64).tobytes()


def test_a_schedule_reads_more_of_some_tensors(
    repo: Repo, line: list[dict[str, np.ndarray]]
) -> None:
    prefixes = Prefixes(repo, tree_of(repo, "m@1"))
    prefixes.read({"a": 1, "d": 2})
    assert (prefixes.held("a"), prefixes.held("d"), prefixes.held("h")) == (1, 2, 0)
    assert prefixes.bytes_read == prefixes.steps("a")[0].nbytes + prefixes.steps("d")[1].nbytes
    assert prefixes.record_bytes > 0
    with pytest.raises(UsageError):
        prefixes.box("h")
    with pytest.raises(NotFoundError):
        prefixes.read({"nothing": 1})
    with pytest.raises(BadInputError):
        prefixes.read({"a": 0})
    with pytest.raises(NotFoundError):
        Prefixes(repo, tree_of(repo, "m@1"), "x*")


def test_infinities_are_read_whole(repo: Repo, commit_arrays: CommitArrays) -> None:
    array = floats(50, 60)
    array[3, 3], array[4, 4] = np.inf, np.nan
    commit_arrays("m", {"w": array})
    prefixes = Prefixes(repo, tree_of(repo, "m@1"))
    prefixes.read({"w": 2})
    least, greatest = prefixes.box("w")
    assert least is greatest
    assert least.tobytes() == array.astype(np.float64).tobytes()
    assert prefixes.is_exact("w")
    assert prefixes.values("w").tobytes() == array.tobytes()
    assert prefixes.bytes_read == prefixes.bytes_full


def test_tied_tensors_and_views_share_what_is_read(repo: Repo, tmp_path: Path) -> None:
    weight = torch.from_numpy(floats(80, 50))
    state = {"a": weight, "tied": weight, "part": weight[3:7], "turned": weight.t()}
    torch.save(state, tmp_path / "w.pt")
    stage.add(repo, [tmp_path / "w.pt"])
    commit(repo, "m")
    prefixes = Prefixes(repo, tree_of(repo, "m@1"))
    one = prefixes.read({"part": 1})
    assert one == prefixes.steps("a")[0].nbytes
    assert prefixes.read(dict.fromkeys(prefixes.names, 1)) == 0
    assert prefixes.bytes_full == prefixes.steps("turned")[-1].nbytes
    for name, tensor in state.items():
        assert prefixes.box(name)[0].shape == tuple(tensor.shape)
        assert contains(prefixes.box(name), tensor.numpy())
    prefixes.read({"tied": 9})
    for name, tensor in state.items():
        assert np.array_equal(prefixes.values(name), tensor.numpy())


def test_other_precisions_stand_on_their_leading_bytes(repo: Repo, tmp_path: Path) -> None:
    weight = torch.from_numpy(floats(300, 80))
    for name, tensor in {"m": weight, "half": weight.bfloat16()}.items():
        save_torch({"w": tensor}, str(tmp_path / "w.safetensors"))
        stage.add(repo, [tmp_path / "w.safetensors"])
        commit(repo, name, bases=() if name == "m" else ("m",))
    tree = tree_of(repo, "half@1")
    exact = weights(repo, tree)["w"]
    assert exact.dtype == ml_dtypes.bfloat16
    prefixes = Prefixes(repo, tree)
    entry = repo.store.entry(prefixes._storage("w").id)
    assert entry.is_mapped
    (step,) = prefixes.steps("w")
    base = repo.store.entry(entry.base)
    assert step.nbytes == sum(entry.segment_bytes) + sum(base.segment_bytes[:3])
    assert prefixes.read({"w": 1}) == step.nbytes
    assert prefixes.values("w").tobytes() == exact.tobytes()


def test_what_stands_on_one_base_shares_it(repo: Repo, commit_arrays: CommitArrays) -> None:
    base = floats(200, 90)
    commit_arrays("m", {"x": base})
    twins = {name: base + floats(200, 90, seed=seed) * np.float32(1e-4) for name, seed in
             (("x", 5), ("y", 6))}  # fmt: skip
    commit_arrays("m", twins)
    prefixes = Prefixes(repo, tree_of(repo, "m@2"))
    bases = {repo.store.entry(prefixes._storage(name).id).base for name in "xy"}
    assert len(bases) == 1
    assert None not in bases
    assert prefixes.bytes_full < sum(prefixes.steps(name)[-1].nbytes for name in "xy")
    assert prefixes.read({"x": 4}) == prefixes.steps("x")[-1].nbytes
    prefixes.read({"y": 4})
    assert prefixes.bytes_read == prefixes.bytes_full
    for name, array in twins.items():
        assert prefixes.values(name).tobytes() == array.tobytes()


def test_a_record_that_is_not_that_of_the_index(
    repo: Repo, line: list[dict[str, np.ndarray]]
) -> None:
    prefixes = Prefixes(repo, tree_of(repo, "m@1"), "a")
    prefixes.steps("a")
    (kept,) = prefixes._kept._kept.values()
    path, begin = Path(kept.reader.path), kept.entry.offset
    end = begin + kept.entry.record_bytes - 8
    data = bytearray(path.read_bytes())
    # Another dtype; the record is as long as before, and its checksum right.
    data[begin + 5] ^= 1
    data[end : end + 8] = _core.checksum(bytes(data[begin:end])).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(CorruptionError, match="not that of the index"):
        prefixes.read({"a": 1})
