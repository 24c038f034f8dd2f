from __future__ import annotations

import math
import re
import struct
import zlib

from modelhub.report import html, plot_svg
from modelhub.report.heat import png
from modelhub.report.page import Column, Curve, Folded, Grid, Page, Plot, Plots, Strip, Strips


def test_a_png_holds_the_levels() -> None:
    data = png([[0.0, 1.0, math.nan], [0.5, 2.0, -1.0]], 1.0)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, place = {}, 8
    while place < len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        assert struct.unpack(">I", data[place + 8 + size :][:4])[0] == zlib.crc32(kind + body)
        chunks[kind], place = body, place + 12 + size
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (3, 2)
    assert zlib.decompress(chunks[b"IDAT"]) == bytes([0, 0, 62, 63, 0, 31, 62, 0])
    assert len(chunks[b"PLTE"]) == 3 * 64


def test_curves_leave_gaps_and_tell_each_other_apart() -> None:
    plot = Plot(
        "<loss>",
        (
            Curve("a@1", [(0, 1.0), (1, math.nan), (2, 0.5), (3, 0.25)]),
            Curve("b@1", [(0, 2.0), (3, 1.0)]),
        ),
    )
    text = plot_svg.draw(plot)
    assert "<loss>" not in text
    assert text.count("<polyline") == 2
    assert text.count("<circle") == 1
    assert 'stroke-dasharray="7 3"' in text
    assert "a@1: last 0.25" in text
    assert "no finite values" in plot_svg.draw(Plot("x", (Curve("a", [(0, math.inf)]),)))
    one = plot_svg.draw(Plot("x", (Curve("a", [(0, 1e308), (1, -1e308)]),)))
    assert "nan" not in one
    assert "inf" not in one


def test_strips_and_folded_tables() -> None:
    strips = Strips((Strip("<w>", "float32", (("<cap>", b"PNG"),)),), "weights", "note")
    folded = Folded("all <nodes>", Grid((Column("n"),), (("<i>",),)))
    page = html.render(Page("t", (strips, folded, Plots(()), Strips(()))))
    assert 'src="data:image/png;base64,UE5H"' in page
    assert "<details><summary>all &lt;nodes&gt;</summary>" in page
    assert "<w>" not in page
    assert "<cap>" not in page
    # Without a drawing there is nothing to open or pick.
    assert "<script" not in page
    # Numbers go on over the page: steps of drawings refer to them.
    assert re.findall(r'data-strip="(\d+)"', html.render(Page("t", (strips, strips)))) == ["0", "1"]
