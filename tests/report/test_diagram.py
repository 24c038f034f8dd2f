from __future__ import annotations

import xml.etree.ElementTree as ET

from modelhub.report.diagram import lanes, svg
from modelhub.report.html import render
from modelhub.report.page import Arc, Diagram, Node, Page

NODES = [Node(f"v@{n}", 10.0 * n, 5.0, f"{n} kB") for n in range(5)]
DIAGRAM = Diagram(
    NODES, [(0, 1), (1, 2), (0, 3)], [Arc(0, 1, 3.0, "three"), Arc(4, 2, 1.0, "<one>")], "Plan"
)


def test_the_first_child_goes_on_in_the_lane() -> None:
    assert lanes(5, DIAGRAM.lines) == [0, 0, 0, 1, 0]
    assert lanes(4, [(0, 3), (1, 2)]) == [0, 1, 1, 0]
    assert lanes(3, []) == [0, 0, 0]


def test_it_is_xml_with_every_text_in_it() -> None:
    root = ET.fromstring(svg(DIAGRAM))
    texts = {element.text for element in root.iter() if element.text}
    assert {"v@0", "v@4", "4 kB", "three", "<one>"} <= texts
    paths = [element for element in root.iter() if element.get("class") == "arc"]
    assert len(paths) == 2


def test_texts_cannot_break_out() -> None:
    page = Page("p", [Diagram([Node('<script>"', 0, 0, "&\x1b")], [], [], '"><b>')])
    text = render(page)
    assert "<script" not in text
    assert "\x1b" not in text


def test_a_page_without_nodes_has_no_drawing() -> None:
    assert "<svg" not in render(Page("p", [Diagram([], [], [], "nothing")]))
