from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bench import codec_chain, codec_inputs


def test_a_chain_is_written_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELHUB_BENCH_DATA", str(tmp_path))
    folder = tmp_path / "fine-tune"
    folder.mkdir()
    generator = np.random.default_rng(0)
    weight = generator.standard_normal((200, 350)).astype(np.float32)
    scalar = np.float32(1.5)
    for snapshot in codec_inputs.CHAIN[1]:
        save_file({"w": weight, "s": np.asarray(scalar)}, folder / f"step-{snapshot}.safetensors")
        weight = weight * np.float32(1 + 2e-6)
    found = codec_chain._measure(tmp_path)
    assert found.exact
    assert len(found.leading) == 5
    assert max(found.leading) < 0.2
    assert found.chain_s > 0
