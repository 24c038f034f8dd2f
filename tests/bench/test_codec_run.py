from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bench import codec_run
from bench.codec_measured import Order

# Dies at the coder `lz4`, as a library that reads freed memory does.
DYING = """
import json, os, signal, sys
order = json.loads(sys.argv[1])
for name in order["coders"]:
    print(json.dumps({"at": name}), flush=True)
    if name == "lz4":
        os.kill(os.getpid(), signal.SIGSEGV)
for name in order["coders"]:
    print(json.dumps({"source": "ids", "coder": name, "threads": 1, "level": "", "raw_bytes": 1}))
"""


def test_a_worker_measures_and_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELHUB_BENCH_DATA", str(tmp_path))
    (tmp_path / "ids").mkdir()
    ids = np.arange(10_000, dtype=np.int64) % 50
    save_file({"ids": ids}, tmp_path / "ids" / "docstrings.safetensors")
    order = Order("ids", ["memcpy", "zstd 1"], 1, 2, codec_run.cores(1))
    found = codec_run.measure(order)
    assert [one.coder for one in found] == ["memcpy", "zstd 1"]
    for one in found:
        assert one.failure == ""
        assert one.raw_bytes == 80_000
        assert len(one.encode_s) == len(one.decode_s) == 2
        assert one.encode_mb_s > 0
    assert found[0].packed_bytes == 80_000
    assert found[1].packed_bytes < 10_000


def test_a_coder_that_kills_its_process_is_named_and_the_others_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dying_worker.py").write_text(DYING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    order = Order("ids", ["zstd 1", "lz4", "memcpy"], 1, 1, codec_run.cores(1))
    found = codec_run.measure(order, "dying_worker")
    assert [(one.coder, bool(one.failure)) for one in found] == [
        ("zstd 1", False),
        ("memcpy", False),
        ("lz4", True),
    ]
    assert found[2].failure == "killed its process: SIGSEGV"


def test_cores_are_the_same_each_time_or_none() -> None:
    assert len(codec_run.cores(1)) == 1
    assert codec_run.cores(1) == codec_run.cores(1)
    assert codec_run.cores(100_000) == []
