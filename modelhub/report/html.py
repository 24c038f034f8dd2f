"""Render a page as one HTML file that needs nothing else: no font, no request, no server.

A page with a graph has a small script of its own (`page.js`); without it everything is there too.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from importlib import resources

from modelhub.report import diagram, graph_svg, plot_svg
from modelhub.report.graph import Graph
from modelhub.report.page import (
    Block,
    Charts,
    Diagram,
    Facts,
    Folded,
    Grid,
    Lines,
    Page,
    Plots,
    Strips,
)
from modelhub.report.sparkline import svg
from modelhub.report.text import visible

__all__ = ["render"]


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Count graphs and strips over the whole page, as steps of a graph refer to strips."""

    graphs: Iterator[int]
    strips: Iterator[int]


def render(page: Page) -> str:
    """Return the page as an HTML document; every text in it is escaped."""
    number = _Numbers(itertools.count(), itertools.count())
    body = "\n".join(part for block in page.blocks for part in _block(block, number))
    title = _text(page.title)
    subtitle = f'<p class="subtitle">{_text(page.subtitle)}</p>\n' if page.subtitle else ""
    drawn = any(isinstance(block, Graph) for block in page.blocks)
    kind = ' class="drawn"' if drawn else ""
    script = f"<script>{_asset('page.js')}</script>\n" if drawn else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_asset('page.css')}</style>\n</head>\n"
        f"<body{kind}>\n"
        f"<h1>{title}</h1>\n{subtitle}{body}\n{script}</body>\n</html>\n"
    )


def _asset(name: str) -> str:
    return resources.files("modelhub.report").joinpath(name).read_text("utf-8")


def _text(text: str) -> str:
    return escape(visible(text))


def _block(block: Block, number: _Numbers) -> Iterable[str]:
    content = list(_content(block, number))
    if content and not isinstance(block, Folded) and block.heading:
        yield f"<h2>{_text(block.heading)}</h2>"
    yield from content


def _content(block: Block, number: _Numbers) -> Iterable[str]:
    match block:
        case Facts():
            rows = [(label, text) for label, text in block.rows if text]
            if rows:
                pairs = "".join(f"<dt>{_text(a)}</dt><dd>{_text(b)}</dd>" for a, b in rows)
                yield f"<dl>{pairs}</dl>"
        case Grid():
            if block.rows:
                yield _grid(block)
            if block.rows and block.note:
                yield f'<p class="note">{_text(block.note)}</p>'
        case Lines():
            if block.lines:
                yield "<pre>" + "\n".join(_text(line) for line in block.lines) + "</pre>"
        case Charts():
            if block.charts:
                yield _charts(block)
        case Diagram():
            if block.nodes:
                yield f'<div class="wide">{diagram.svg(block)}</div>'
            if block.nodes and block.note:
                yield f'<p class="note">{_text(block.note)}</p>'
        case Graph():
            if block.root.children:
                yield graph_svg.draw(block, next(number.graphs))
            if block.root.children and block.note:
                yield f'<p class="note">{_text(block.note)}</p>'
        case Plots():
            if block.plots:
                yield f'<div class="plots">{"".join(map(plot_svg.draw, block.plots))}</div>'
        case Strips():
            if block.strips:
                yield _strips(block, number.strips)
        case Folded():
            if block.block.rows:
                summary = f"<summary>{_text(block.summary)}</summary>"
                yield f"<details>{summary}{_grid(block.block)}</details>"


def _grid(grid: Grid) -> str:
    classes = [
        " ".join(name for name in ("right", "strong", "flexible") if getattr(column, name))
        for column in grid.columns
    ]
    head = "".join(
        f'<th class="{name}">{_text(column.title)}</th>'
        for name, column in zip(classes, grid.columns, strict=True)
    )
    rows = []
    for index, row in enumerate(grid.rows):
        cells = "".join(
            f'<td class="{name}">{_text(text)}</td>'
            for name, text in zip(classes, row, strict=True)
        )
        rows.append(f'<tr class="dim">{cells}</tr>' if index in grid.dim else f"<tr>{cells}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>\n' + "\n".join(rows) + "</table></div>"


def _strips(block: Strips, numbers: Iterator[int]) -> str:
    figures = []
    for strip in block.strips:
        pictures = "".join(
            f'<img alt="{_text(caption)}" title="{_text(caption)}" '
            f'src="data:image/png;base64,{base64.b64encode(data).decode("ascii")}">'
            for caption, data in strip.pictures
        )
        caption = f"{_text(strip.name)} <small>{_text(strip.facts)}</small>"
        figures.append(
            f'<figure data-strip="{next(numbers)}">'
            f"<figcaption>{caption}</figcaption>{pictures}</figure>"
        )
    note = f'<p class="note">{_text(block.note)}</p>' if block.note else ""
    return f'{note}<div class="strips">{"".join(figures)}</div>'


def _charts(block: Charts) -> str:
    titles = ("series", "", *block.fact_titles)
    head = "".join(f"<th>{_text(title)}</th>" for title in titles)
    rows = [
        f'<tr><td class="strong">{_text(chart.name)}</td><td>{svg(chart.values)}</td>'
        + "".join(f'<td class="right">{_text(fact)}</td>' for fact in chart.facts)
        + "</tr>"
        for chart in block.charts
    ]
    return f'<div class="wide"><table><tr>{head}</tr>\n' + "\n".join(rows) + "</table></div>"
