from __future__ import annotations

import itertools
import re

from modelhub.report import html
from modelhub.report.graph import Box, Edge, Face, Graph, Step
from modelhub.report.graph_layers import plans
from modelhub.report.graph_place import place
from modelhub.report.graph_svg import draw
from modelhub.report.page import Page


def _graph(names: str = "abcd", labels: dict[str, str] | None = None) -> Graph:
    """Return a -> (b -> c) -> d, with a skip from a to d; b and c are in a box."""
    faces = [(Face((labels or {}).get(n, n), "note", facts=(f"facts of {n}",)),) for n in names]
    a, b, c, d = (Step(i, faces[i]) for i in range(4))
    inner = Box(1, (Face("inner"),), (b, c))
    edges = [Edge(*pair, (True,)) for pair in ((0, 1), (1, 2), (2, 3), (0, 3))]
    return Graph(("",), Box(0, (Face(""),), (a, inner, d)), edges, "network")


def test_layers_and_bends() -> None:
    found = plans(_graph())
    outer, inner = found[0], found[1]
    assert [outer.items[i].kind for i in outer.layers[0]] == ["step"]
    assert sorted(outer.items[i].kind for i in outer.layers[1]) == ["bend", "box"]
    assert len(outer.links) == 3
    assert [[inner.items[i].kind for i in layer] for layer in inner.layers] == [
        ["entry"],
        ["step"],
        ["step"],
        ["exit"],
    ]


def test_every_link_goes_down_and_nothing_overlaps() -> None:
    graph = _wide(40)
    found = plans(graph)
    layer = {item: row for row, items in enumerate(found[0].layers) for item in items}
    for link in found[0].links:
        rows = [layer[item] for item in link]
        assert rows == sorted(set(rows))
    placed = place(graph, found)[0]
    for items in found[0].layers:
        spots = [placed.items[item] for item in items]
        for left, right in itertools.pairwise(spots):
            assert left.x + left.width / 2 < right.x - right.width / 2
        assert all(spot.x >= spot.width / 2 for spot in spots)
        assert all(spot.x + spot.width / 2 <= placed.width for spot in spots)


def _wide(count: int) -> Graph:
    steps = tuple(Step(i, (Face(f"step {i}"),)) for i in range(count))
    edges = {(i // 2, i) for i in range(1, count)} | {
        (i, count - 1) for i in range(0, count - 1, 5)
    }
    return Graph(
        ("",), Box(0, (Face(""),), steps), [Edge(a, b, (True,)) for a, b in sorted(edges)], ""
    )


def test_equal_graphs_give_equal_drawings() -> None:
    assert draw(_wide(60), 0) == draw(_wide(60), 0)


def test_long_edges_cost_no_more_than_linear() -> None:
    count = 400
    steps = tuple(Step(i, (Face(f"{i}"),)) for i in range(count))
    edges = [Edge(i, i + 1, (True,)) for i in range(count - 1)]
    edges += [Edge(i, count - 1, (True,)) for i in range(count - 2)]
    graph = Graph(("",), Box(0, (Face(""),), steps), sorted(edges, key=lambda e: e.source), "")
    assert len(plans(graph)[0].items) <= 8 * count


def test_names_are_escaped() -> None:
    graph = _graph(labels={"a": "<script>alert(1)</script>", "b": '"><img src=x onerror=1>'})
    page = html.render(Page("t", (graph,)))
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;alert(1)") == 1


def test_data_for_the_script_is_numbers_alone() -> None:
    text = draw(_graph(labels={"a": "</script><b>"}), 0)
    data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text)
    assert data is not None
    words = set(re.findall(r'"([^"]*)"', data[1]))
    assert {word for word in words if not word.isdigit()} <= {
        *("root", "boxes", "steps", "size", "items", "layers", "links"),
        *("step", "box", "bend", "entry", "exit"),
    }


def test_a_page_needs_nothing_else() -> None:
    page = html.render(Page("t", (_graph(),)))
    assert "<title>facts of a</title>" in page
    # The name of SVG is no address; nothing is fetched.
    rest = page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import|<link|src=(?!\"data:)", rest)


def test_sides_show_what_they_have() -> None:
    both = (Face("a"), Face("a"))
    steps = (
        Step(0, both),
        Step(1, (Face("old", status="removed"), None)),
        Step(2, (None, Face("new", status="added"))),
        Step(3, (Face("c", status="changed"), Face("c", status="changed"))),
    )
    edges = [
        Edge(0, 1, (True, False)),
        Edge(1, 3, (True, False)),
        Edge(0, 2, (False, True)),
        Edge(2, 3, (False, True)),
    ]
    text = draw(Graph(("left", "right"), Box(0, both, steps), edges, ""), 0)
    left, right = text.split("<figcaption>")[1:]
    assert "old" in left
    assert "new" not in left
    assert "new" in right
    assert "old" not in right
    assert "−</tspan> old" in left
    assert "+</tspan> new" in right
    assert left.count("~</tspan> c") == right.count("~</tspan> c") == 1

    # What both have stands at the same place.
    def spot(side: str, step: int) -> str:
        return re.findall(rf'data-step="{step}" (transform="[^"]*")', side)[0]

    assert [spot(left, i) for i in (0, 3)] == [spot(right, i) for i in (0, 3)]
