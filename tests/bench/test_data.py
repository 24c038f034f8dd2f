from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from bench import data


def test_minilm_is_there_in_full() -> None:
    assert data.minilm_weights().stat().st_size == 90_868_376
    assert (data.minilm_folder() / "config.json").is_file()


def test_a_made_checkpoint_reads_as_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    size = data.make_checkpoint(path, tensors=3, tensor_bytes=8000)
    arrays = load_file(path)
    assert path.stat().st_size == size
    assert {name: array.shape for name, array in arrays.items()} == {
        f"layer.{i}.weight": (2, 1000) for i in range(3)
    }
    assert 0.01 < float(np.std(arrays["layer.0.weight"])) < 0.03
