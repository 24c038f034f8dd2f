"""The worked examples of the documents: the core and the plain decoder read them as they say."""

from __future__ import annotations

import re
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from modelhub import _core, codec
from tests.core import craft
from tests.core.craft import Cell, Entry, Fixed, Mapping
from tests.core.plain.packs import decode_pack
from tests.core.plain.strings import BitString

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ROOT / "docs" / "formats"
CODECS = ROOT / "csrc" / "mh" / "codec"
HEX = re.compile(r"^((?:[0-9A-F]{2} )*[0-9A-F]{2})(?:  |$)", re.MULTILINE)


def example(name: str) -> bytes:
    """Return the bytes in the example's block of a codec's page."""
    page = (CODECS / name / "spec.md").read_text()
    block = page.split("**Worked example.**")[1].split("```")[1]
    return b"".join(bytes.fromhex(line) for line in HEX.findall(block))


def decode_both(tmp_path: Path, *entries: Entry) -> np.ndarray:
    """Decode the last of a pack's entries, whose base is the one before, by core and page."""
    named = [
        entry.but(id=bytes([i]) * 32, base=None if i == 0 else bytes([i - 1]) * 32)
        for i, entry in enumerate(entries)
    ]
    path = tmp_path / "example.pack"
    path.write_bytes(craft.pack(named))
    reader = _core.PackReader(str(path))
    assert reader.name == craft.pack_name(path.read_bytes())
    last = reader.count - 1
    out = np.empty(reader.entry(last).raw_bytes, np.uint8)
    _core.decode([(reader, i) for i in range(last, -1, -1)], out)
    assert decode_pack(path)[named[-1].id] == out.tobytes()
    return out


def raw(values: np.ndarray, **fields: object) -> Entry:
    """Return an entry whose planes are stored as they are."""
    planes = np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(-1, values.itemsize)
    cells = tuple(Cell(craft.RAW, planes[:, s].tobytes()) for s in range(values.itemsize)[::-1])
    return Entry(values.itemsize, cells, values.shape).but(**fields)


def zeros(width: int, shape: tuple[int, ...], **fields: object) -> Entry:
    return Entry(width, (Cell(0),) * width, shape).but(**fields)


def test_gamma_codes() -> None:
    page = (FORMATS / "pack.md").read_text()
    assert "1, 5 and 2" in page
    codes = BitString(bytes.fromhex(re.findall(r"together the\s+bytes `([0-9a-f ]+)`", page)[0]))
    assert [codes.gamma() for _ in range(3)] == [1, 5, 2]


def test_bits(tmp_path: Path) -> None:
    plane = Entry(1, (Cell(craft.BITS, example("bits"), param=6),), (128,))
    assert decode_both(tmp_path, plane).tobytes() == b"\x20" * 64 + bytes(64)


def test_field(tmp_path: Path) -> None:
    cells = (Cell(craft.FIELD, example("field")), Cell(0))
    got = decode_both(tmp_path, Entry(2, cells, (16,), value_kind=2)).view("<u2")
    assert got.tolist() == [0x3F80] * 15 + [0xBF80]
    cells = (*cells, Cell(0, param=1), Cell(0, param=2))
    got = decode_both(tmp_path, Entry(4, cells, (16,), value_kind=2)).view("<u4")
    assert got.tolist() == [0x3F800102] * 15 + [0xBF800102]


def test_classes(tmp_path: Path) -> None:
    cells = (Cell(craft.CLASSES, example("classes")), Cell(craft.JOINED))
    got = decode_both(tmp_path, zeros(2, (16,)), Entry(2, cells, (16,))).view("<u2")
    assert got.tolist() == [3] * 15 + [0xFFFD]


def test_palette(tmp_path: Path) -> None:
    cells = (Cell(craft.PALETTE, example("palette")), *[Cell(craft.JOINED)] * 3)
    got = decode_both(tmp_path, Entry(4, cells, (5,))).view("<u4")
    assert got.tolist() == [7, 7, 7, 9, 7]


def test_fixed(tmp_path: Path) -> None:
    data, cells = example("fixed"), []
    for size in (6, 4, 4, 7):
        cells.append(Cell(craft.RAW, data[:size]))
        data = data[size:]
    assert not data
    entry = Entry(2, tuple(cells), (4,), value_kind=2, fixed=Fixed(4, 7, (4, 2, 2)))
    got = decode_both(tmp_path, entry).view("<u2")
    assert got.tolist() == [0x3FC0, 0xBED0, 0, 0x3580]
    out, exponents = np.empty(8, np.uint8), np.empty(1, np.uint8)
    reader = _core.PackReader(str(tmp_path / "example.pack"))
    assert _core.decode_prefix((reader, 0), out, exponents, 1) == 6
    assert out.view(ml_dtypes.bfloat16).tolist() == [1.5, -0.25, 0, 0]
    assert exponents.tolist() == [127]


def test_planes(tmp_path: Path) -> None:
    planes = ("0004", "0003", "0002", "0101")
    cells = tuple(Cell(craft.RAW, bytes.fromhex(plane)) for plane in planes)
    got = decode_both(tmp_path, Entry(4, cells, (2,)))
    assert got.tobytes() == bytes.fromhex("0100000001020304")


@pytest.mark.parametrize(("form", "z"), [(0, 2), (2, 0x07FF)])
def test_delta(tmp_path: Path, form: int, z: int) -> None:
    base = raw(np.array([0xBC00], "<u2"), value_kind=2)
    cells = (Cell(0, param=z >> 8, form=form), Cell(0, param=z & 255))
    got = decode_both(tmp_path, base, Entry(2, cells, (1,), value_kind=2)).view("<u2")
    assert got.tolist() == [0xBBFF]


@pytest.mark.parametrize(
    ("shape", "expected"), [((3, 2), "010204050000"), ((8,), "0102030405060000")]
)
def test_mapping_of_shapes(tmp_path: Path, shape: tuple[int, ...], expected: str) -> None:
    base = raw(np.arange(1, 7, dtype=np.uint8).reshape(2, 3))
    entry = zeros(1, shape, mapping=Mapping(0, 1, 1, 0, 6, (2, 3)))
    assert decode_both(tmp_path, base, entry).tobytes() == bytes.fromhex(expected)


@pytest.mark.parametrize(("conversion", "expected"), [(1, 0x3F80), (2, 0x3C04)])
def test_mapping_of_types(tmp_path: Path, conversion: int, expected: int) -> None:
    base = raw(np.array([0x3F8080FF], "<u4"), value_kind=2)
    mapping = Mapping(conversion, 1, 4, 2, 4, (1,))
    entry = zeros(2, (1,), value_kind=2, mapping=mapping)
    assert decode_both(tmp_path, base, entry).view("<u2").tolist() == [expected]


def test_lanes() -> None:
    """The step on the page: f = 64, c = 0, state 0x0134, next byte 0xAB."""
    page = (CODECS / "lanes" / "spec.md").read_text()
    assert "state 0x0134 gives x = 64 * 1 + 52 - 0 = 116" in page.replace("\n", " ")
    assert 64 * (0x0134 // 256) + 0x0134 % 256 == 116
    assert 256 * 116 + 0xAB == 0x74AB


def page_shows(page: str, data: bytes) -> None:
    block = (FORMATS / page).read_text().split("## Worked example")[1].split("```")[1]
    lines = re.findall(r"^ +(\d+) ((?:[0-9A-F]{2} )+)", block, re.MULTILINE)
    assert len(lines) > 12
    for offset, text in lines:
        shown = bytes.fromhex(text)
        assert data[int(offset) :][: len(shown)] == shown, offset


def test_the_page_of_packs_shows_the_bytes_of_the_file() -> None:
    good = ROOT / "tests" / "golden" / "pack-v1" / "good" / "constant.pack"
    page_shows("pack.md", good.read_bytes())


def test_the_page_of_blobs_shows_the_bytes_of_the_file() -> None:
    blob = (ROOT / "tests" / "golden" / "blob-v1" / "good" / "example.blob").read_bytes()
    page_shows("blob.md", blob)
    array = (40503 * np.arange(256) % 65536).astype(np.uint16)
    assert np.array_equal(codec.decode_delta(blob, array), array)
    # The base's id is that of its bytes.
    assert codec.encode_delta(array, array)[80:112] == blob[80:112]


def test_the_page_names_the_codecs_of_the_core() -> None:
    page = (FORMATS / "pack.md").read_text().split("## Blocks")[0]
    rows = re.findall(r"^\| (\d) \| (\w+) \|", page, re.MULTILINE)
    header = (CODECS / "codec.h").read_text()
    names = re.findall(r'"(\w+)"', header.split("kCodecNames[kCodecCount] =")[1].split(";")[0])
    assert rows == [(str(i), name) for i, name in enumerate(names)]
    for name in names[:-1]:
        title = (CODECS / name / "spec.md").read_text().splitlines()[0]
        assert title == f"# {name}, codec {names.index(name)}, version 1"
