"""Write a page as an HTML file."""

from __future__ import annotations

from pathlib import Path

from modelhub.fs.files import OutputFile
from modelhub.report import html
from modelhub.report.page import Page

__all__ = ["write_html"]


def write_html(path: Path, page: Page) -> None:
    """Write the page; what is at the path is replaced at the end."""
    with OutputFile(path) as file:
        file.write(html.render(page).encode("utf-8", "backslashreplace"))
        file.commit()
