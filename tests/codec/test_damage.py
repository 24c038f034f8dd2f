"""Damaged and hostile blobs: an error of ours or the right values, and never a crash."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelhub import _core, codec
from modelhub.errors import ModelHubError
from tests.codec.makers import make, moved
from tests.core.craft import CLASSES, FIELD, LZ4, PALETTE, RAW, ZSTD, Cell, Entry, reseal_blob
from tests.core.plain.packs import decode_blob, parse_blob

MANY = settings(max_examples=300)
KINDS = {"corruption", "unsupported_version", "usage", "bad_input", "bad_shape", "bad_dtype"}


def samples() -> dict[str, tuple[bytes, np.ndarray | None]]:
    """Blobs with every codec of their own, each with its base."""
    made: dict[str, tuple[bytes, np.ndarray | None]] = {}
    half = make("bfloat16", (1500,), "weights", 1)
    single = make("float32", (700,), "growing", 2)
    counts = make("uint8", (3000,), "skewed", 3)
    for preset in codec.PRESETS:
        made |= {
            f"half {preset}": (codec.encode(half, preset), None),
            f"half delta {preset}": (
                codec.encode_delta(moved(half, "steps", 1), half, preset),
                half,
            ),
            f"single {preset}": (codec.encode(single, preset), None),
            f"counts {preset}": (codec.encode(counts, preset), None),
        }
    long = np.arange(500, dtype=np.int64) ** 2
    made |= {
        "sparse": (codec.encode(make("float32", (900,), "sparse", 4)), None),
        "few": (codec.encode(make("float32", (900,), "few", 5)), None),
        "rows": (codec.encode(make("float16", (900,), "rows", 6)), None),
        "mapped": (codec.encode_delta(moved(half[:1200], "steps", 2), half), half),
        "wide": (codec.encode_delta(long + 1, long), long),
        "empty": (codec.encode(np.empty((0, 2), np.int8)), None),
        "scalar": (codec.encode(np.float64(1.5)), None),
    }
    return made


SAMPLES = samples()


@contextlib.contextmanager
def only_refusals() -> Iterator[None]:
    """Let a block pass, or fail as a damaged blob may fail."""
    try:
        yield
    except ModelHubError as error:
        if error.kind not in KINDS:
            raise


def read(blob: bytes, base: np.ndarray | None) -> bytes | None:
    """Decode; None if it is refused as it should be."""
    with only_refusals():
        if _core.blob_info(blob)["raw_bytes"] <= 1 << 24:
            got = codec.decode(blob) if base is None else codec.decode_delta(blob, base)
            return got.tobytes()
    return None


def by_page(blob: bytes, base: np.ndarray | None) -> bytes | None:
    try:
        return decode_blob(blob, None if base is None else base.tobytes())
    except Exception:
        return None


def test_samples_have_every_codec() -> None:
    seen = {name for blob, _ in SAMPLES.values() for name in _core.blob_info(blob)["codecs"]}
    assert {"constant", "raw", "bits", "field", "classes", "palette", "joined"} <= seen


@pytest.mark.parametrize("name", SAMPLES)
def test_every_flipped_byte(name: str) -> None:
    """Each byte in turn, by one bit: refused, or the values as they were."""
    blob, base = SAMPLES[name]
    good = read(blob, base)
    assert good is not None
    rng = np.random.default_rng(0)
    for at in range(len(blob)):
        damaged = bytearray(blob)
        damaged[at] ^= 1 << int(rng.integers(8))
        assert read(bytes(damaged), base) in (None, good), at


@pytest.mark.parametrize("name", SAMPLES)
def test_every_truncation(name: str) -> None:
    blob, base = SAMPLES[name]
    for size in range(len(blob)):
        with pytest.raises(ModelHubError) as caught:
            codec.decode(blob[:size]) if base is None else codec.decode_delta(blob[:size], base)
        assert caught.value.kind == "corruption"
    assert read(blob + b"\0", base) is None


@st.composite
def patches(draw: st.DrawFn) -> tuple[str, bytes]:
    """A sample with some bytes of its record or payloads changed, and its checksums made right."""
    name = draw(st.sampled_from(sorted(SAMPLES)))
    blob = bytearray(SAMPLES[name][0])
    (size,) = struct.unpack_from("<I", blob, 16)
    cells = 16 + size
    payloads = cells + 16 * blob[22] + 8
    for _ in range(draw(st.integers(1, 3))):
        # Heads of payloads say most; streams are long.
        begin, end = draw(
            st.sampled_from([(20, cells), (cells, payloads - 8), (payloads, payloads + 60),
                             (payloads, len(blob))])
        )  # fmt: skip
        if begin >= min(end, len(blob)):
            continue
        at = draw(st.integers(begin, min(end, len(blob)) - 1))
        blob[at] = draw(st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 127, 128, 255])))
    return name, reseal_blob(bytes(blob))


@MANY
@given(patches())
def test_hostile_payloads(patched: tuple[str, bytes]) -> None:
    """Checksums that an attacker has made right leave the rules: core and page judge alike."""
    name, blob = patched
    base = SAMPLES[name][1]
    got = read(blob, base)
    try:
        entry = parse_blob(blob)
    except Exception:
        assert got is None
        return
    # The libraries of both sides differ in what they make of damaged frames.
    foreign = any(cell.codec in (LZ4, ZSTD) for block in entry.blocks for cell in block)
    if not foreign and got is not None:
        assert got == by_page(blob, base)


@MANY
@given(
    data=st.binary(max_size=200),
    codec_id=st.sampled_from([4, 5, 6, 7, 8]),
    width=st.sampled_from([1, 2, 4, 8]),
    n=st.integers(1, 300),
    param=st.integers(0, 9),
)
def test_payloads_out_of_thin_air(
    data: bytes, codec_id: int, width: int, n: int, param: int
) -> None:
    rest = Cell(9) if codec_id in (CLASSES, PALETTE) else Cell(0)
    first = Cell(codec_id, data, param=param if codec_id == 5 else 0)
    kind = 2 if codec_id == FIELD else 0
    entry = Entry(width, (first, *[rest] * (width - 1)), (n,), value_kind=kind, dtype_code=4)
    got = None
    with only_refusals():
        out = np.empty(n * width, np.uint8)
        _core.decode_blob(entry.blob(), out)
        got = out.tobytes()
    assert got == by_page(entry.blob(), None)


@pytest.mark.parametrize("code", [0, 24, 255])
def test_unknown_dtypes(code: int) -> None:
    entry = Entry(1, (Cell(RAW, b"abc"),), (3,), dtype_code=code)
    with pytest.raises(ModelHubError) as caught:
        codec.decode(entry.blob())
    assert caught.value.kind == "bad_dtype"


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        # float32 told to be of 2 bytes, or of fewer than its shape asks for.
        (Entry(2, (Cell(0), Cell(0)), (4,), dtype_code=12, raw_bytes=8), "bad_dtype"),
        (Entry(4, (Cell(0),) * 4, (4,), dtype_code=12, raw_bytes=8), "bad_shape"),
        (Entry(4, (Cell(0),) * 4, (1 << 40, 1 << 40), dtype_code=12, raw_bytes=8), "bad_shape"),
        # complex64 has two elements a value.
        (Entry(4, (Cell(0),) * 4, (2,), dtype_code=16, raw_bytes=8), "bad_shape"),
    ],
    ids=range(4),
)
def test_types_and_shapes_that_do_not_fit(entry: Entry, kind: str) -> None:
    with pytest.raises(ModelHubError) as caught:
        codec.decode(entry.blob())
    assert caught.value.kind == kind


def test_out_is_not_touched_by_a_blob_that_is_refused_at_once() -> None:
    blob = bytearray(SAMPLES["few"][0])
    blob[20] ^= 255
    out = np.full(900, 7, np.float32)
    with pytest.raises(ModelHubError):
        codec.decode(blob, out=out)
    assert np.all(out == 7)
