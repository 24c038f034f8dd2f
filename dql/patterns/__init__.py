"""Patterns over names and texts: selectors with captures, `like`, and regular expressions.

A *capture* is the part of a name that a selector's `($1)` holds, to be used as `$1` in new names.
All three match in time bounded by text times pattern.
"""

from __future__ import annotations

from dql.patterns.program import PatternError, Program
from dql.patterns.regex import compile_regex
from dql.patterns.selector import Selector, compile_like, compile_selector, fill

__all__ = [
    "PatternError",
    "Program",
    "Selector",
    "compile_like",
    "compile_regex",
    "compile_selector",
    "fill",
]
