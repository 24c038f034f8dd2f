from __future__ import annotations

import numpy as np

from bench import mixed_data

TENSORS = {
    "layers.0.weight": np.random.default_rng(0).normal(1, 0.1, (30, 20)).astype(np.float32),
    "layers.0.bias": np.arange(30, dtype=np.float32),
    "scalar": np.float32(3).reshape(()),
}


def test_every_manner_of_names_keeps_the_layers() -> None:
    seen = set()
    for number in range(10):
        made = mixed_data.mixed("net", f"state-{number}", TENSORS, number)
        assert sorted(made.layers.values()) == sorted(TENSORS)
        for name, layer in made.layers.items():
            assert made.tensors[name] is TENSORS[layer]
        seen.add(tuple(made.tensors))
    assert len(seen) > 4


def test_what_is_shuffled_has_the_same_shapes_and_scale_but_no_likeness() -> None:
    own = TENSORS["layers.0.weight"]
    dealt = mixed_data.shuffled(TENSORS, 1)
    assert {name: tensor.shape for name, tensor in dealt.items()} == {
        name: tensor.shape for name, tensor in TENSORS.items()
    }
    found = dealt["layers.0.weight"]
    assert abs(float(found.std()) - float(own.std())) < 0.02
    assert abs(np.corrcoef(own.reshape(-1), found.reshape(-1))[0, 1]) < 0.2
    assert np.array_equal(mixed_data.shuffled(TENSORS, 1)["layers.0.weight"], found)
    assert not np.array_equal(mixed_data.shuffled(TENSORS, 2)["layers.0.weight"], found)
