"""Torch files as torch itself writes them, zip and legacy; torch.load is the judge."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.dtypes import DTYPES

KINDS = ["zip", "legacy"]
TORCH_DTYPES = [row.name for row in DTYPES if not row.packed and hasattr(torch, row.name)]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def save(lab, value, kind="zip", name="model.pt"):
    path = lab.folder / name
    torch.save(value, path, _use_new_zipfile_serialization=kind == "zip")
    return path


def flatten(value, prefix=""):
    """The tensors of a loaded checkpoint under the names that we promise."""
    if isinstance(value, torch.Tensor):
        return {prefix or "tensor": value}
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, (list, tuple)):
        pairs = enumerate(value)
    else:
        return {}
    found = {}
    for key, inner in pairs:
        found.update(flatten(inner, f"{prefix}.{key}" if prefix else str(key)))
    return found


def check(lab, value, kind="zip", loads=True):
    """Compare with what torch loads; where it cannot load what it saved, with what went in."""
    path = save(lab, value, kind)
    return lab.check(path, flatten(torch.load(path, weights_only=False) if loads else value))


# Without a storage class of their own: torch writes them into legacy files, but cannot read those.
UNTYPED = [name for name in TORCH_DTYPES if name.startswith("float8") or name[1:4] == "int"]
UNTYPED.remove("uint8")


def random_tensor(dtype, shape, seed=0):
    nbytes = TensorSpec(dtype, shape).nbytes
    raw = np.random.default_rng(seed).integers(0, 256, nbytes + 16, np.uint8)
    if dtype == "bool":
        raw &= 1
    return torch.from_numpy(raw)[:nbytes].clone().view(getattr(torch, dtype)).reshape(shape)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TORCH_DTYPES)
def test_every_dtype(lab, kind, dtype):
    shapes = [(), (3,), (2, 3), (2, 0, 3), (1, 5, 1)]
    tensors = {f"t{len(shape)}": random_tensor(dtype, shape) for shape in shapes}
    read = check(lab, tensors, kind, loads=kind == "zip" or dtype not in UNTYPED)
    assert read.kind == "torch"
    assert all(entry.strides is None for entry in read.parsed.tensors)
    assert all(storage.offset is not None for storage in read.parsed.storages)


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_and_its_optimizer(lab, kind):
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 2),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model(torch.randn(2, 1, 4, 4)).sum().backward()
    optimizer.step()
    checkpoint = {
        "epoch": 3,
        "best": True,
        "loss": 0.25,
        "arch": "lenet",
        "nothing": None,
        "history": [0.5, 0.25],
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "callbacks": {"EarlyStopping": {"wait": 2, "best": torch.tensor(0.5)}},
        "hyper": collections.OrderedDict(width=4),
        "device": torch.device("cuda", 1),
        "dtype": torch.bfloat16,
        "size": torch.Size((2, 3)),
        "rng": torch.get_rng_state(),
    }
    read = check(lab, checkpoint, kind)
    assert "model.0.weight" in read.names
    assert "optimizer.state.0.exp_avg" in read.names
    assert read.tensors["model.1.num_batches_tracked"][0] == TensorSpec("int64", ())
    expected = {
        "epoch": 3, "best": True, "loss": 0.25, "arch": "lenet", "history.1": 0.25,
        "optimizer.param_groups.0.lr": 0.01, "optimizer.param_groups.0.params.3": 3,
        "callbacks.EarlyStopping.wait": 2, "hyper.width": 4, "device": "cuda:1",
        "dtype": "torch.bfloat16", "size.1": 3,
    }  # fmt: skip
    assert expected.items() <= read.parsed.metadata.items()
    assert type(read.parsed.metadata["best"]) is bool
    assert "nothing" not in read.parsed.metadata
    assert read.parsed.notes == []


@pytest.mark.parametrize("kind", KINDS)
def test_tied_tensors_share_a_storage(lab, kind):
    weight = torch.nn.Parameter(torch.randn(5, 3))
    read = check(
        lab, {"b": weight, "a": weight, "c": weight.detach().t(), "d": torch.ones(2)}, kind
    )
    assert len(read.parsed.storages) == 2
    entries = {entry.name: entry for entry in read.parsed.tensors}
    assert entries["a"].storage == entries["b"].storage == entries["c"].storage
    assert entries["a"].strides is entries["b"].strides is None
    assert entries["c"].strides == (1, 3)
    assert read.storage_of("a").shape == (5, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_views_of_one_storage(lab, kind):
    base = torch.arange(60.0).reshape(4, 15)
    views = {
        "columns": base[:, 2:9:3],
        "row": base[2],
        "turned": base.t(),
        "spread": base[0, 0].expand(3, 4),
        "nothing": base[:0],
        "one": base[3, 14],
    }
    read = check(lab, views, kind)
    (storage,) = read.parsed.storages
    assert (storage.dtype, storage.shape) == ("float32", (60,))
    assert all(entry.strides is not None for entry in read.parsed.tensors)


def test_a_permuted_tensor_alone(lab):
    read = check(lab, {"a": torch.randn(2, 3, 4).permute(2, 0, 1)})
    assert read.storage_of("a").shape == (24,)
    channels_last = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    check(lab, {"a": channels_last})


def test_one_storage_as_two_dtypes(lab):
    base = torch.arange(8, dtype=torch.uint8)
    read = check(lab, {"a": base.view(torch.uint16), "b": base.view(torch.float8_e5m2)})
    (storage,) = read.parsed.storages
    assert (storage.dtype, storage.shape) == ("uint8", (8,))


@pytest.mark.parametrize("kind", KINDS)
def test_signalling_nans(lab, kind):
    bits = np.array([0x7F800001, 0xFFBFFFFF, 0x7F800000, 0x80000000], np.uint32)
    tensor = torch.from_numpy(bits.view(np.int32)).view(torch.float32)
    read = lab.read(save(lab, {"a": tensor, "b": tensor.reshape(2, 2).t()}, kind))
    assert read.tensors["a"][1] == bits.tobytes()
    assert read.tensors["b"][1] == bits.reshape(2, 2).T.tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "value",
    [{}, [], {"a": {}}, {"epoch": 3}, 7, None],
    ids=["dict", "list", "nested", "scalar", "number", "none"],
)
def test_no_tensors(lab, kind, value):
    assert check(lab, value, kind).parsed.storages == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_tensor_on_its_own_and_in_a_list(lab, kind):
    assert check(lab, torch.ones(3), kind).names == ["tensor"]
    assert check(lab, [torch.ones(3), (torch.zeros(2),)], kind).names == ["0", "1.0"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["", "a/b/../c", "..", "line\nfeed", "новый", "\0"])
def test_names_are_plain_text(lab, kind, name):
    assert check(lab, {"m": {name: torch.ones(2)}}, kind).names == [f"m.{name}"]


def test_keys_that_are_no_text(lab):
    value = {0: torch.ones(1), True: torch.ones(2), 1.5: torch.ones(3), None: torch.ones(4)}
    assert check(lab, value).names == ["0", "1.5", "None", "True"]
    path = save(lab, {("a", 1): torch.ones(1), "b": torch.ones(1)})
    read = lab.read(path)
    assert read.names == ["b"]
    assert read.parsed.notes


def test_a_whole_storage(lab):
    storage = torch.arange(4.0).untyped_storage()
    read = lab.read(save(lab, {"a": storage}))
    assert read.tensors["a"] == (TensorSpec("uint8", (16,)), torch.arange(4.0).numpy().tobytes())


def test_a_storage_that_is_no_whole_number_of_values(lab):
    base = torch.arange(11, dtype=torch.uint8)
    read = check(lab, {"a": base[:8].view(torch.int32)}, loads=False)
    assert read.storage_of("a").nbytes == 8


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_values(lab, kind):
    value = {
        "array": np.arange(6, dtype=">f8").reshape(2, 3),
        "turned": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        "number": np.float64(2.5),
        "flag": np.bool_(True),
        "text": np.array(["a"]),
        "t": torch.ones(2),
    }
    read = lab.read(save(lab, value, kind))
    assert read.names == ["array", "t", "turned"]
    for name in ("array", "turned"):
        spec, raw = read.tensors[name]
        wanted = value[name].astype(value[name].dtype.newbyteorder("<"))
        assert (spec.shape, raw) == (wanted.shape, wanted.tobytes())
    assert read.parsed.metadata == {"number": 2.5, "flag": True}
    assert any(note.startswith("text: ") for note in read.parsed.notes)


def test_values_that_are_no_plain_tensors_stay_in_the_file(lab):
    value = {
        "sparse": torch.eye(3).to_sparse(),
        "quantized": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        "half_complex": torch.zeros(2, dtype=torch.complex32),
        "meta": torch.empty(3, device="meta"),
        "plain": torch.ones(2),
        "set": {1, 2},
        "frozen": frozenset({3}),
        "bytes": b"abc",
        "complex": 1j,
        "counter": collections.Counter("aab"),
        "default": collections.defaultdict(list, {"x": [torch.zeros(1)]}),
    }
    read = lab.read(save(lab, value))
    assert read.names == ["default.x.0", "plain"]
    notes = "\n".join(read.parsed.notes)
    for word in ("sparse", "quantized", "half_complex", "meta", "complex"):
        assert f"{word}: " in notes
    assert read.parsed.metadata["counter.a"] == 2


def test_parameters_with_attributes(lab):
    parameter = torch.nn.Parameter(torch.randn(2, 3), requires_grad=False)
    parameter.note = "mine"
    check(lab, {"a": parameter, "b": torch.nn.Buffer(torch.ones(2))})


def test_long_lists_and_texts_are_no_metadata(lab):
    value = {"ids": list(range(65)), "short": list(range(64)), "text": "x" * 70_000, "big": 2**70}
    read = lab.read(save(lab, value))
    assert sorted(read.parsed.metadata) == sorted(f"short.{index}" for index in range(64))
    assert read.parsed.notes == ["67 values that are no plain scalars stay in the file only"]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_pickle_protocol(lab, kind, protocol):
    path = lab.folder / "model.pth"
    value = {"a": torch.randn(3), "n": {"b": torch.ones(2, 2), "k": 7}, "np": np.arange(3)}
    options = {"_use_new_zipfile_serialization": kind == "zip", "pickle_protocol": protocol}
    torch.save(value, path, **options)
    read = lab.read(path)
    assert read.names == ["a", "n.b", "np"]
    assert read.tensors["a"][1] == value["a"].numpy().tobytes()
    assert read.tensors["np"][1] == value["np"].tobytes()


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.one_of(
            st.integers(-(2**40), 2**40),
            st.text(max_size=4),
            st.builds(random_tensor, st.sampled_from(TORCH_DTYPES), st.just((2, 2))),
        ),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner)
        ),
        max_leaves=8,
    ),
    st.sampled_from(KINDS),
)
def test_any_nesting(shared_lab, value, kind):
    path = save(shared_lab, value, kind)
    shared_lab.check(path, flatten(torch.load(path) if kind == "zip" else value))
