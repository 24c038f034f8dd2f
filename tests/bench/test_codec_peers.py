from __future__ import annotations

import importlib.util

import ml_dtypes
import numpy as np
import pytest

from bench import codec_peers
from bench.codec_coder import Coder, Task, raw, same
from bench.codec_ours import OURS, OURS_DELTA, coder_name
from bench.codec_peers_delta import NaiveSubtract

DTYPES = (
    np.float32,
    ml_dtypes.bfloat16,
    np.float16,
    ml_dtypes.float8_e4m3fn,
    np.int8,
    np.int64,
)


def _here(coder: type[Coder]) -> bool:
    module = coder.module
    if not module:
        return True
    found = importlib.util.find_spec(module.partition(".")[0])
    return found is not None and importlib.util.find_spec(module) is not None


def _array(dtype: type, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(100_003).astype(np.float32)
    return (values * 20).astype(dtype)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("coder", codec_peers.CODERS, ids=lambda coder: coder.name)
def test_round_trip(coder: type[Coder], threads: int) -> None:
    if not _here(coder):
        pytest.skip(f"{coder.module} is not installed")
    for dtype in DTYPES:
        data = _array(dtype, 0)
        if not coder.takes(data.dtype.name):
            continue
        base = data.copy() if coder.delta else None
        if base is not None:
            base[::7] = _array(dtype, 1)[::7]
        one = coder(Task(data, base, threads))
        before = data.tobytes()
        for _ in range(2):
            blob = one.encode(one.fresh())
            assert same(one.decode(blob), data)
            assert one.size(blob) > 0
        one.close()
        assert data.tobytes() == before


def test_naive_subtraction_of_odd_values() -> None:
    if not _here(NaiveSubtract):
        pytest.skip("blosc2 is not installed")
    odd = np.array([0x7FC00000, 0xFFC00001, 0x80000000, 0, 0x7F800000, 0xFF800000, 1], np.uint32)
    data, base = np.resize(odd, 70_000).view(np.float32), np.resize(odd[::-1], 70_000)
    coder = NaiveSubtract(Task(data, base.view(np.float32)))
    assert same(coder.decode(coder.encode(data)), data)


def test_names_are_unique_and_found() -> None:
    names = [coder.name for coder in codec_peers.CODERS]
    assert len(set(names)) == len(names)
    assert all(codec_peers.by_name(name).name == name for name in names)


def test_ours_are_chosen_and_no_peers() -> None:
    alone = codec_peers.chosen("float32", delta=False)
    assert alone[:3] == [coder.name for coder in OURS]
    assert not any(codec_peers.is_peer(name) for name in alone[:3])
    assert codec_peers.is_peer("memcpy")
    assert coder_name("dense", delta=True) == OURS_DELTA[2].name
    assert "memcpy" not in codec_peers.chosen("float32", delta=False, threads=2)
    assert "zipnn" not in codec_peers.chosen("int64", delta=False)


def test_same_compares_bytes() -> None:
    array = np.array([0.0, 1.0], np.float32)
    assert same(array.tobytes(), array)
    assert same(bytearray(raw(array)), array)
    assert not same(np.array([-0.0, 1.0], np.float32), array)
    assert not same(b"", array)
