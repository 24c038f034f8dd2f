"""AST to text."""

from __future__ import annotations

from dql.printer.write import to_text

__all__ = ["to_text"]
