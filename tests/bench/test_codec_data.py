from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from bench import codec_data, codec_inputs, codec_make
from bench.data import MissingDataError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small checkpoints in the place of the trained ones."""
    monkeypatch.setenv("MODELHUB_BENCH_DATA", str(tmp_path))
    folder = tmp_path / "scratch"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for epoch in (1, 2):
        weight = generator.standard_normal((4, 3)).astype(np.float32)
        bias = np.float32([epoch, -epoch, 0])
        tensors = {"w": weight, "b": bias, "batches": np.int64([epoch])}
        save_file(tensors, folder / f"epoch-{epoch}.safetensors")
    return tmp_path


def test_snapshots_in_order_and_tensors_by_name(cache: Path) -> None:
    assert codec_data.snapshots("scratch") == ["1", "2"]
    tensors = codec_data.load("scratch", "2")
    assert list(tensors) == ["b", "w"]
    assert tensors["b"].tolist() == [2, -2, 0]


def test_bfloat16_is_rounded_to_the_nearest_even(cache: Path) -> None:
    exact = codec_data.load("scratch", "1")["w"].view(np.uint32).astype(np.uint64)
    rounded = (exact + 0x7FFF + ((exact >> 16) & 1)) >> 16
    found = codec_data.load("scratch16", "1")["w"]
    assert found.dtype == ml_dtypes.bfloat16
    assert np.array_equal(found.view(np.uint16), rounded.astype(np.uint16))


def test_fp8_and_int8_fill_their_range() -> None:
    values = np.linspace(-0.3, 0.3, 64, dtype=np.float32).reshape(8, 8)
    fp8 = codec_data._fp8(values)
    assert float(np.abs(fp8.astype(np.float32)).max()) == 448
    int8 = codec_data._int8(values)
    assert np.abs(int8.astype(int)).max(axis=1).tolist() == [127] * 8
    for odd in (np.zeros((2, 2), np.float32), np.float32(2), np.zeros((0, 3), np.float32)):
        assert codec_data._int8(np.asarray(odd)).shape == np.shape(odd)
        assert codec_data._fp8(np.asarray(odd)).shape == np.shape(odd)


def test_an_input_is_read_as_one_array(cache: Path) -> None:
    loaded = codec_inputs.read("scratch:1-2")
    assert loaded.flat.shape == (15,)
    assert loaded.flat_base is not None
    assert loaded.flat[:3].tolist() == [2, -2, 0]
    assert loaded.flat_base[:3].tolist() == [1, -1, 0]
    assert codec_inputs.read("scratch#2").flat_base is None
    assert codec_inputs.read("scratch").flat[0] == 1
    with pytest.raises(KeyError):
        codec_inputs.read("scratch#9")


def test_every_named_input_exists() -> None:
    for name in (*codec_inputs.ALONE, *codec_inputs.PAIRS, codec_inputs.CHAIN[0]):
        source = name.partition("#")[0].partition(":")[0]
        assert codec_data.INPUTS[source].kind in codec_make.MAKERS


def test_what_was_not_finished_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_bytes(b"x")
        raise MissingDataError("no network")

    monkeypatch.setitem(codec_make.MAKERS, "broken", fail)
    with pytest.raises(MissingDataError):
        codec_make.made("broken", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_token_ids_are_made_by_the_training_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELHUB_BENCH_DATA", str(tmp_path))
    ids = codec_data.load("ids")["ids"]
    assert ids.dtype == np.int64
    assert len(ids) > 1000
    assert 0 <= ids.min() < ids.max() < 30522
