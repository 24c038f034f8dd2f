"""Print the results of verbs: one JSON document, or text for people."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelhub.cli.context import Context
from modelhub.report.page import Block, Page
from modelhub.report.progress import Progress
from modelhub.report.terminal import Terminal
from modelhub.report.text import Glyphs

__all__ = ["Output", "jsonable"]


class Output:
    """Where a verb's result goes. With --json only `document` prints."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._terminal = Terminal(sys.stdout)

    @property
    def glyphs(self) -> Glyphs:
        """The drawing characters that the output can encode."""
        return self._terminal.glyphs

    def document(self, value: Mapping[str, Any]) -> None:
        """Print the JSON document, if one is wanted."""
        if self._context.json:
            sys.stdout.write(json.dumps(jsonable(value)) + "\n")

    def page(self, page: Page) -> None:
        """Print a page that was asked for."""
        if not self._context.json:
            self._terminal.page(page)

    def block(self, block: Block) -> None:
        """Print a block that was asked for."""
        if not self._context.json:
            self._terminal.block(block)

    def line(self, text: str, style: str = "") -> None:
        """Print a line that was asked for."""
        if not self._context.json:
            self._terminal.line(text, style)

    def say(self, text: str, style: str = "") -> None:
        """Print a line about what was done, which --quiet leaves out."""
        if not self._context.quiet:
            self.line(text, style)

    @property
    def json(self) -> bool:
        """Whether only a document is printed, so that nothing else need be made."""
        return self._context.json

    def wait(self, message: str) -> None:
        """Tell on stderr what is being waited for."""
        if not self._context.quiet:
            sys.stderr.write(message + "\n")
            sys.stderr.flush()

    def progress(self, what: str, counted: str = "") -> Progress:
        """Return a progress bar, of bytes or of what is counted; away where it would disturb."""
        return Progress(what, sys.stderr, enabled=not self._context.quiet, counted=counted)


def jsonable(value: Any) -> Any:
    """Return a value as JSON can hold it.

    Ids become hexadecimal, dataclasses objects; NaN and infinities, which JSON lacks, become the
    strings "NaN", "Infinity" and "-Infinity".
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    return value
