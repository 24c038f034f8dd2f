"""The Python face: arrays, torch modules, ties, leading bytes, rows."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch

import modelhub


@pytest.fixture
def repository(tmp_path: Path) -> modelhub.Repository:
    return modelhub.Repository.init(tmp_path)


def test_arrays_of_every_kind_come_back(repository: modelhub.Repository) -> None:
    given = {
        "f32": np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32),
        "transposed": np.arange(12, dtype=np.int16).reshape(3, 4).T,
        "big_endian": np.arange(4, dtype=">f8"),
        "bf16": np.arange(4).astype(ml_dtypes.bfloat16),
        "fp8": np.arange(4).astype(ml_dtypes.float8_e4m3fn),
        "scalar": np.float32(2.5).reshape(()),
        "empty": np.empty((0, 3), np.float64),
        "complex": np.array([1 + 2j], np.complex64),
    }
    version = repository.commit("m", given, metadata={"acc": np.float64(0.5)}, message="hello")
    found = version.weights()
    assert list(found) == sorted(given)
    for name, array in given.items():
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)
    assert version.metadata["acc"] == 0.5
    assert repository["m@1"].message == "hello"
    assert [each.rev for each in repository] == ["m@1"]
    assert "m@2" not in repository


def test_a_torch_module_with_tied_weights(repository: modelhub.Repository) -> None:
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(7, 3)
            self.head = torch.nn.Linear(3, 7, bias=False)
            self.head.weight = self.embed.weight

    module = Tied().to(torch.bfloat16)
    found = repository.commit("tied", module).weights()
    assert np.shares_memory(found["embed.weight"], found["head.weight"])
    want = module.embed.weight.detach().view(torch.int16).numpy()
    assert (found["head.weight"].view(np.int16) == want).all()


def test_equal_arrays_that_are_not_tied_stay_apart(repository: modelhub.Repository) -> None:
    found = repository.commit("m", {"a": np.ones(4), "b": np.ones(4)}).weights()
    assert not np.shares_memory(found["a"], found["b"])


def test_leading_bytes_rows_and_patterns(repository: modelhub.Repository) -> None:
    values = np.random.default_rng(0).standard_normal((50, 20)).astype(np.float32)
    repository.commit("m", {"a": values, "b": values[:3]})
    version = repository.commit("m", {"a": values + np.float32(1e-5), "b": values[:3]})
    exact = version.weights()["a"]
    cut = version.weights(planes={"a": 2})
    assert (cut["a"].view(np.uint32) == exact.view(np.uint32) & 0xFFFF0000).all()
    assert (cut["b"] == values[:3]).all()
    assert (version.tensor("a", rows=(10, 12)) == exact[10:12]).all()
    assert list(version.weights(tensors="b*")) == ["b"]
    assert version.tensors()["a"] == ("float32", (50, 20))
    with pytest.raises(modelhub.BadInputError):
        version.tensor("a", rows=(10, 51))
    with pytest.raises(modelhub.BadInputError):
        version.weights(planes=0)
    with pytest.raises(modelhub.NotFoundError):
        version.weights(tensors="c")


def test_snapshots_bases_and_files(repository: modelhub.Repository, tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("hello")
    old = {"w": np.zeros(3)}
    version = repository.commit(
        "m", {"w": np.ones(3)}, snapshots={"start": old}, files=[notes], series={"loss": [(1, 0.5)]}
    )
    assert version.snapshots == ("start", "final")
    assert (repository["m#start"].weights()["w"] == 0).all()
    assert version.series == {"loss": [(1.0, 0.5)]}
    child = repository.commit("n", {"w": np.ones(3)}, base=version)
    assert [parent.rev for parent in child.parents] == ["m@1"]
    repository.checkout("m", tmp_path / "out")
    assert (tmp_path / "out" / "notes.md").read_text() == "hello"
    assert (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize("bad", [3, [1, 2], {"a": object()}, {1: np.ones(2)}, {"a": ["x"]}])
def test_what_cannot_be_stored_is_one_error(repository: modelhub.Repository, bad: object) -> None:
    with pytest.raises(modelhub.BadInputError):
        repository.commit("m", bad)
    assert list(repository) == []


def test_a_lossy_copy_says_so(repository: modelhub.Repository) -> None:
    values = np.random.default_rng(0).standard_normal((50, 20)).astype(np.float32)
    exact = repository.commit("m", {"w": values})
    copy = repository.copy("m", "m-bf16", scheme="bf16")
    assert exact.lossy is None
    assert copy.lossy is not None
    assert copy.lossy.scheme == "bf16"
    assert copy.lossy.source.hex() == exact.id
    wanted = values.astype(ml_dtypes.bfloat16).astype(np.float32)
    assert (copy.weights()["w"] == wanted).all()
    assert repository.copy("m-bf16", "other").lossy == copy.lossy
    with pytest.raises(modelhub.UsageError):
        repository.copy("m", "m-x", scheme="x")
    # New weights are not lossy because older ones were.
    with pytest.raises(modelhub.BadInputError, match="lossy"):
        repository.commit("m", {"w": values}, metadata=copy.metadata)


def test_retention_and_usage(repository: modelhub.Repository) -> None:
    for step in range(4):
        weights = {"w": np.full(5000, step, np.float32)}
        repository.commit("größe", weights, metadata={"acc": step % 3})
    assert [version.rev for version in repository.usage().versions] == [
        f"größe@{number}" for number in (1, 2, 3, 4)
    ]
    found = repository.retain("keep-best=1:acc", names="g*")
    assert found.dry_run
    assert len(list(repository)) == 4
    done = repository.retain("keep-best=1:acc", "keep-last=1", names=["g*"], dry_run=False)
    assert [version.rev for version in done.removed] == ["größe@1", "größe@2"]
    assert [version.rev for version in repository] == ["größe@3", "größe@4"]
    repository.gc()
    assert (repository["größe@3"].weights()["w"] == 2).all()
    with pytest.raises(modelhub.UsageError):
        repository.retain()


def test_low_order_bytes_may_lie_elsewhere(repository: modelhub.Repository, tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((100, 90)).astype(np.float32)
    version = repository.commit("m", {"w": values})
    leading = version.weights(planes=2)["w"]
    assert repository.set_tier(tmp_path / "cold").movable_bytes > 0
    moved = repository.push_tier()
    assert repository.tier_status().far_bytes == moved.moved_bytes > 0
    assert (version.weights()["w"] == values).all()
    (tmp_path / "cold").rename(tmp_path / "away")
    repository.close()
    with modelhub.Repository.open(tmp_path) as again:
        assert (again["m"].weights(planes=2)["w"] == leading).all()
        with pytest.raises(modelhub.ModelHubError) as caught:
            again["m"].weights()
        assert caught.value.kind == "tier"
        (tmp_path / "away").rename(tmp_path / "cold")
        assert again.pull_tier().moved_bytes == moved.moved_bytes
        assert (again["m"].weights()["w"] == values).all()
