"""Damage valid files at random: each gives an error of ours or a sound structure, nothing else."""

from __future__ import annotations

import io

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.ones(3, ">i2"),
    "c": np.ones(()),
}
TENSORS = {
    "m": {"w": torch.arange(6.0).reshape(2, 3), "u": torch.ones(2, dtype=torch.uint16)},
    "t": torch.arange(6.0).reshape(2, 3).t(),
    "n": np.arange(4),
    "s": {"lr": 0.1, "k": [1, "x", None, (2.5,)]},
    "p": torch.nn.Parameter(torch.ones(2)),
}


def saved(write) -> bytes:
    out = io.BytesIO()
    write(out)
    return out.getvalue()


SEEDS = {
    "safetensors": [save({"a": ARRAYS["a"], "b": np.ones(3, "i2")}, {"k": "v"})],
    "npy": [saved(lambda out, a=array: np.save(out, a)) for array in ARRAYS.values()],
    "npz": [
        saved(lambda out: np.savez(out, **ARRAYS)),
        saved(lambda out: np.savez_compressed(out, **ARRAYS)),
    ],
    "torch": [
        saved(lambda out: torch.save(TENSORS, out)),
        saved(lambda out: torch.save(TENSORS, out, pickle_protocol=4)),
        saved(lambda out: torch.save(TENSORS, out, _use_new_zipfile_serialization=False)),
    ],
    "onnx": [
        onnx.helper.make_model(
            onnx.helper.make_graph(
                [onnx.helper.make_node("Identity", ["a"], ["y"])],
                "g",
                [],
                [],
                [onnx.numpy_helper.from_array(ARRAYS["a"], "a")],
            )
        ).SerializeToString()
    ],
    "pt2": [
        saved(
            lambda out: torch.export.save(
                torch.export.export(torch.nn.Linear(2, 3), (torch.ones(1, 2),), strict=False), out
            )
        )
    ],
}

positions = st.integers(0, 1 << 20)
edits = st.one_of(
    st.tuples(st.just("set"), positions, st.binary(min_size=1, max_size=4)),
    st.tuples(st.just("insert"), positions, st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("delete"), positions, st.integers(1, 40)),
    st.tuples(st.just("copy"), positions, positions),
    st.tuples(st.just("cut"), positions, st.just(0)),
)


def damaged(data: bytes, changes) -> bytes:
    raw = bytearray(data)
    for what, where, how in changes:
        at = where % (len(raw) + 1)
        if what == "set":
            raw[at : at + len(how)] = how
        elif what == "insert":
            raw[at:at] = how
        elif what == "delete":
            del raw[at : at + how]
        elif what == "copy":
            raw[at:at] = raw[how % (len(raw) + 1) :][:64]
        else:
            del raw[at:]
    return bytes(raw)


@pytest.mark.parametrize("kind", SEEDS)
def test_the_seeds_are_sound(shared_lab, kind):
    for data in SEEDS[kind]:
        assert shared_lab.read(shared_lab.write(f"seed.{kind}", data), kind).names


@pytest.mark.parametrize("kind", SEEDS)
@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_files(shared_lab, kind, data):
    seed = data.draw(st.sampled_from(SEEDS[kind]))
    changed = damaged(seed, data.draw(st.lists(edits, min_size=1, max_size=4)))
    shared_lab.survives(shared_lab.write(f"damaged.{kind}", changed), kind)


@pytest.mark.parametrize("kind", SEEDS)
@settings(max_examples=100, deadline=None)
@given(noise=st.binary(max_size=300), keep=st.integers(0, 64))
def test_noise_after_a_true_beginning(shared_lab, kind, noise, keep):
    shared_lab.survives(shared_lab.write(f"noise.{kind}", SEEDS[kind][0][:keep] + noise), kind)


MESSAGE = (
    b"\x80\x02", b"}", b"]", b")", b"(", b"t", b"l", b"d", b"s", b"u", b"a", b"e", b"0", b"1", b"2",
    b"N", b"\x88", b"K\x05", b"X\x01\x00\x00\x00k", b"q\x00", b"h\x00", b"\x85", b"\x86", b"\x87",
    b"R", b"b", b"Q", b"\x81", b"\x94", b"\x8f", b"\x90", b"\x91", b"\x92", b"\x8c\x01z", b"\x93",
    b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_tensor_v3\n", b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"ctorch\nFloatStorage\n", b"ctorch\nuint16\n", b"ctorch\nSize\n", b"ctorch\ndevice\n",
    b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy.core.multiarray\nscalar\n",
    b"cnumpy\ndtype\n", b"X\x02\x00\x00\x00f8", b"C\x08abcdefgh", b"c_codecs\nencode\n",
    b"cnumpy._core.numeric\n_frombuffer\n", b"cbuiltins\nset\n", b"ccollections\ndefaultdict\n",
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(MESSAGE), max_size=40))
def test_pickles_of_true_instructions_in_any_order(shared_lab, parts):
    path = shared_lab.torch_zip("random.pt", b"".join(parts) + b".", [("0", bytes(16))])
    shared_lab.survives(path, "torch")
