"""Render a page as one HTML file that needs nothing else: no script, no font, no request."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from modelhub.report import diagram
from modelhub.report.page import Block, Charts, Diagram, Facts, Grid, Lines, Page
from modelhub.report.sparkline import svg
from modelhub.report.text import visible

__all__ = ["render"]

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
p.subtitle, p.note, th, dt, tr.dim td { opacity: .65; }
p.subtitle { margin-top: 0; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem 1.2rem .2rem 0; white-space: pre; }
th { font-weight: 500; border-bottom: 1px solid #8886; }
td.right, th.right { text-align: right; }
td.strong { font-weight: 600; }
td.flexible { white-space: pre-wrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; margin: 0; }
svg.diagram text { font: 13px ui-monospace, monospace; fill: currentColor; }
svg.diagram .dim { opacity: .65; }
svg.diagram circle { fill: currentColor; }
svg.diagram .line { fill: none; stroke: #8889; stroke-width: 1.5; }
svg.diagram .arc { fill: none; stroke: #2a7de1; opacity: .6; }
svg.diagram .arc:hover { opacity: 1; stroke: #e1622a; }
svg.diagram .head, svg.diagram .second { fill: #2a7de1; }
svg.diagram .first { fill: #8a8f98; }
svg polyline { fill: none; stroke: #2a7de1; stroke-width: 1.5; }
"""


def render(page: Page) -> str:
    """Return the page as an HTML document; every text in it is escaped."""
    body = "\n".join(part for block in page.blocks for part in _block(block))
    title = _text(page.title)
    subtitle = f'<p class="subtitle">{_text(page.subtitle)}</p>\n' if page.subtitle else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n{subtitle}{body}\n</body>\n</html>\n"
    )


def _text(text: str) -> str:
    return escape(visible(text))


def _block(block: Block) -> Iterable[str]:
    content = list(_content(block))
    if content and block.heading:
        yield f"<h2>{_text(block.heading)}</h2>"
    yield from content


def _content(block: Block) -> Iterable[str]:
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
