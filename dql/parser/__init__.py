"""Text to AST."""

from __future__ import annotations

from dql.parser.parse import QUERY_CHARS_MAX, parse, readable_part

__all__ = ["QUERY_CHARS_MAX", "parse", "readable_part"]
