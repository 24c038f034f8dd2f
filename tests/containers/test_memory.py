from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import load
from safetensors.torch import load as load_torch

from modelhub import containers
from modelhub.containers.memory import ArrayFile
from modelhub.errors import BadInputError

ARRAYS = {
    "weight": np.arange(12, dtype=np.float32).reshape(3, 4).T,
    "bias": np.array(2.5),
    "none": np.empty((0, 4), np.int8),
    "big": np.arange(3, dtype=">i4"),
}


def test_it_reads_as_the_file_it_would_make():
    with ArrayFile(ARRAYS, "model.safetensors") as file:
        data = file.read(0, file.size)
        library = load(data)
        assert set(library) == set(ARRAYS)
        for name, array in ARRAYS.items():
            assert library[name].tolist() == array.tolist()
            assert library[name].shape == array.shape
        for offset in range(0, file.size, 5):
            size = min(7, file.size - offset)
            assert file.read(offset, size) == data[offset : offset + size]
        parsed = containers.parse(file, "safetensors")
        assert sum(piece[-1] for piece in parsed.pieces()) == file.size


def test_torch_tensors():
    arrays = {
        "a": torch.ones(2, 3, dtype=torch.bfloat16).t(),
        "b": torch.nn.Parameter(torch.ones(1)),
    }
    file = ArrayFile(arrays, "model.safetensors")
    library = load_torch(file.read(0, file.size))
    assert all(torch.equal(library[name], arrays[name]) for name in arrays)


def test_reading_past_the_end():
    file = ArrayFile(ARRAYS, "model.safetensors")
    for offset, size in [(file.size, 1), (0, file.size + 1), (-1, 1)]:
        with pytest.raises(BadInputError) as caught:
            file.read(offset, size)
        assert caught.value.kind == "truncated"


def test_arrays_that_share_memory_are_tied():
    one = np.ones((2, 3), np.float32)
    other = np.ones((2, 3), np.float32)
    arrays = {"a": one, "b": one, "c": other, "d": one.reshape(3, 2)}
    file = ArrayFile(arrays, "model.safetensors")
    tied = file.tie(containers.parse(file, "safetensors"))
    storage = {tensor.name: tensor.storage for tensor in tied.tensors}
    assert storage["a"] == storage["b"] != storage["c"]
    assert storage["d"] not in (storage["a"], storage["c"])


@pytest.mark.parametrize(
    ("arrays", "kind"),
    [
        ({1: np.ones(1)}, "bad_name"),
        ({"a": np.array(["x"])}, "bad_dtype"),
        ({"a": np.ones(1, complex)}, "bad_dtype"),
        ({"__metadata__": np.ones(1)}, "bad_name"),
    ],
)
def test_what_cannot_be_kept(arrays, kind):
    with pytest.raises(BadInputError) as caught:
        ArrayFile(arrays, "model.safetensors")
    assert caught.value.kind == kind
