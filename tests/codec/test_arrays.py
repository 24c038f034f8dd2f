"""What the codec makes of arrays, it makes arrays of again, bit for bit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelhub import _core, codec
from modelhub.errors import BadInputError, UsageError
from modelhub.tensors.dtypes import by_name, from_numpy
from tests.codec.makers import FLOATS, NAMES, SHAPES, STYLES, arrays, leading, make, moved, same
from tests.core.plain.packs import decode_blob

MANY = settings(max_examples=150)
HOW = ["same", "bits", "steps", "rows", "noise"]
PRESETS = st.sampled_from(codec.PRESETS)


def is_delta(blob: bytes) -> bool:
    return bool(_core.blob_info(blob)["is_delta"])


def by_page(blob: bytes, base: np.ndarray | None = None, planes: int | None = None) -> bytes:
    """Decode by the plain decoder of the documents."""
    return decode_blob(
        blob, base.tobytes() if base is not None and is_delta(blob) else None, planes
    )


@pytest.mark.parametrize("preset", codec.PRESETS)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", NAMES)
def test_every_dtype_and_style(name: str, style: str, preset: codec.presets.Preset) -> None:
    for shape in [*SHAPES, (3000,)]:
        array = make(name, shape, style, 1)
        blob = codec.encode(array, preset)
        assert same(codec.decode(blob), array)
        assert by_page(blob) == array.tobytes()
        assert len(blob) <= array.nbytes + 400


@MANY
@given(array=arrays(), preset=PRESETS, planes=st.integers(1, 9))
def test_planes_alone(array: np.ndarray, preset: codec.presets.Preset, planes: int) -> None:
    width = from_numpy(array.dtype).width
    blob = codec.encode(array, preset)
    got = codec.decode(blob, planes=planes)
    assert (got.dtype, got.shape) == (array.dtype, array.shape)
    assert got.tobytes() == leading(array, width, min(planes, width))
    assert got.tobytes() == by_page(blob, planes=min(planes, width))


@MANY
@given(array=arrays(), how=st.sampled_from(HOW), preset=PRESETS, seed=st.integers(0, 99))
def test_deltas(array: np.ndarray, how: str, preset: codec.presets.Preset, seed: int) -> None:
    after = moved(array, how, seed)
    blob = codec.encode_delta(after, array, preset)
    assert same(codec.decode_delta(blob, array), after)
    width = from_numpy(array.dtype).width
    for planes in range(1, width + 1):
        got = codec.decode_delta(blob, array, planes=planes)
        assert got.tobytes() == leading(after, width, planes)
        assert got.tobytes() == by_page(blob, array, planes)


@pytest.mark.parametrize("preset", codec.PRESETS)
@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16", "float64", "int32", "int16"])
def test_long_arrays_and_deltas(name: str, preset: codec.presets.Preset) -> None:
    """Several blocks, of which some change, some do not, and some are others altogether."""
    array = make(name, (300_000,), "weights", 2)
    after = moved(array, "steps", 2)
    after[100_000:170_000] = array[100_000:170_000]
    after[200_000:] = make(name, (100_000,), "constant", 3)
    for threads in (1, 3):
        blob = codec.encode_delta(after, array, preset, threads=threads)
        assert is_delta(blob) or "int" in name
        assert same(codec.decode_delta(blob, array, threads=threads), after)
        assert blob == codec.encode_delta(after, array, preset)
    assert by_page(blob, array) == after.tobytes()
    width = by_name(name).width
    for planes in range(1, width):
        got = codec.decode_delta(blob, array, planes=planes)
        assert got.tobytes() == leading(after, width, planes)


@MANY
@given(
    name=st.sampled_from(["float32", "bfloat16", "int8", "complex64", "uint64"]),
    shapes=st.tuples(
        st.lists(st.integers(0, 9), max_size=4), st.lists(st.integers(0, 9), max_size=4)
    ),
    style=st.sampled_from(STYLES),
    preset=PRESETS,
)
def test_bases_of_other_shapes(
    name: str, shapes: tuple[list[int], list[int]], style: str, preset: codec.presets.Preset
) -> None:
    own, other = (tuple(shape) for shape in shapes)
    array, base = make(name, own, style, 4), make(name, other, style, 4)
    blob = codec.encode_delta(array, base, preset)
    assert same(codec.decode_delta(blob, base), array)
    assert by_page(blob, base) == array.tobytes()


def test_bases_of_other_shapes_are_worth_it() -> None:
    base = make("float32", (200, 64), "weights", 5)
    for array in (
        np.concatenate([base, base[:7]]),
        base[:150, :60].copy(),
        base.reshape(-1)[:9000].copy(),
        base.reshape(1, 200, 64),
    ):
        blob = codec.encode_delta(array, base)
        assert is_delta(blob)
        assert len(blob) < array.nbytes / 2
        assert same(codec.decode_delta(blob, base), array)
        for planes in (1, 2, 3):
            got = codec.decode_delta(blob, base, planes=planes)
            assert got.tobytes() == leading(array, 4, planes) == by_page(blob, base, planes)


@pytest.mark.parametrize("preset", codec.PRESETS)
@pytest.mark.parametrize("style", ["weights", "bits", "specials", "sparse"])
@pytest.mark.parametrize(
    ("before", "after"),
    [("float32", "bfloat16"), ("float32", "float16"), ("bfloat16", "float32"),
     ("float16", "float32")],
)  # fmt: skip
def test_bases_of_other_types(
    before: str, after: str, style: str, preset: codec.presets.Preset
) -> None:
    base = make(before, (40, 50), style, 6)
    with np.errstate(all="ignore"):
        array = base.astype(np.dtype(getattr(ml_dtypes, after, after)))
    array.reshape(-1)[::7] = make(after, (286,), "bits", 7)
    for shape in [(40, 50), (50, 40), (2000,)]:
        one = array.reshape(shape)
        blob = codec.encode_delta(one, base, preset)
        assert same(codec.decode_delta(blob, base), one)
        width = by_name(after).width
        for planes in range(1, width + 1):
            got = codec.decode_delta(blob, base, planes=planes)
            assert got.tobytes() == leading(one, width, planes) == by_page(blob, base, planes)


def test_rounded_bases_cost_nothing() -> None:
    base = make("float32", (5000,), "weights", 8)
    for name in ("bfloat16", "float16"):
        array = base.astype(np.dtype(getattr(ml_dtypes, name, name)))
        blob = codec.encode_delta(array, base)
        assert is_delta(blob)
        assert len(blob) < 1000


def test_an_empty_base() -> None:
    """Differences to nothing may be the shortest, and must still be read back."""
    array = np.random.default_rng(0).normal(0, 30, 50_000).astype(np.int16)
    for base in (np.empty(0, np.int16), np.empty((0, 5), np.int16)):
        blob = codec.encode_delta(array, base)
        assert same(codec.decode_delta(blob, base), array)
        assert by_page(blob, base) == array.tobytes()
    blob = codec.encode_delta(np.empty(0, np.int16), array)
    assert codec.decode_delta(blob, array).shape == (0,)


@pytest.mark.parametrize("name", FLOATS)
def test_every_bit_pattern_of_short_floats(name: str) -> None:
    width = by_name(name).width
    if width > 2:
        pytest.skip("too many")
    bits = np.arange(256**width, dtype=f"<u{width}")
    array = bits.view(make(name, (1,), "bits", 0).dtype)
    other = np.ascontiguousarray(bits[::-1]).view(array.dtype)
    for preset in codec.PRESETS:
        assert same(codec.decode(codec.encode(array, preset)), array)
        for base in (array, other, np.roll(array, 1)):
            assert same(codec.decode_delta(codec.encode_delta(array, base, preset), base), array)


def test_chains() -> None:
    """A delta on what a delta gave."""
    links = [make("bfloat16", (70_000,), "weights", 9)]
    for i in range(4):
        links.append(moved(links[-1], "steps", i))
    blobs = [codec.encode(links[0])]
    blobs += [codec.encode_delta(after, before) for before, after in pairwise(links)]
    found = codec.decode(blobs[0])
    leads = codec.decode(blobs[0], planes=1)
    assert leads.tobytes() == leading(links[0], 2, 1)
    for link, blob in zip(links[1:], blobs[1:], strict=True):
        assert is_delta(blob)
        found = codec.decode_delta(blob, found)
        assert same(found, link)


@pytest.mark.parametrize("preset", codec.PRESETS)
def test_threads_change_nothing(preset: codec.presets.Preset) -> None:
    array = make("float32", (400_000,), "weights", 10)
    blobs = {codec.encode(array, preset, threads=n) for n in (1, 2, 5, 100)}
    assert len(blobs) == 1
    for n in (1, 2, 7):
        assert same(codec.decode(blobs.copy().pop(), threads=n), array)


def test_the_same_array_makes_the_same_blob() -> None:
    """Memory is used again between calls, and nothing of one array may show in the next."""
    array = make("bfloat16", (40_000,), "weights", 11)
    first = codec.encode(array)
    codec.encode(make("float32", (200_000,), "bits", 12), "dense")
    codec.encode_delta(make("uint8", (100,), "bits", 1), make("uint8", (100,), "bits", 2))
    assert codec.encode(array) == first


def test_presets_are_names() -> None:
    assert codec.PRESETS == ("fast", "default", "dense")
    array = make("float32", (200_000,), "weights", 13)
    fast, default, dense = (len(codec.encode(array, preset)) for preset in codec.PRESETS)
    assert fast > default > dense
    for wrong in ("Fast", "", "best", None, 1, ["fast"]):
        with pytest.raises(UsageError, match="fast, default or dense"):
            codec.encode(array, wrong)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="fast, default or dense"):
            codec.encode_delta(array, array, wrong)  # type: ignore[arg-type]


def test_bases_that_cannot_be_compared() -> None:
    array = make("float32", (100,), "weights", 14)
    for name in NAMES:
        if name in ("float32", "bfloat16", "float16"):
            continue
        with pytest.raises(BadInputError, match=f"a {name} base for a float32 array") as caught:
            codec.encode_delta(array, make(name, (100,), "bits", 1))
        assert caught.value.kind == "bad_dtype"
    half = [make(name, (100,), "weights", 1) for name in ("float16", "bfloat16")]
    with pytest.raises(BadInputError):
        codec.encode_delta(*half)


def test_wrong_and_missing_bases() -> None:
    base = make("float32", (500,), "weights", 15)
    blob = codec.encode_delta(moved(base, "steps", 1), base)
    assert is_delta(blob)
    with pytest.raises(UsageError):
        codec.decode(blob)
    wrong: list[Any] = [base + 1, base[:-1], np.append(base, base[:1]), base[::-1], b"", base[:0]]
    for other in wrong:
        with pytest.raises(BadInputError, match="another base") as caught:
            codec.decode_delta(blob, other)
        assert caught.value.kind == "bad_input"
    # Named by its bytes: any array with these will do.
    assert same(codec.decode_delta(blob, base.view(np.int32)), codec.decode_delta(blob, base))
    # What was coded alone does not look at a base.
    alone = codec.encode(base)
    assert same(codec.decode_delta(alone, wrong[0]), base)
