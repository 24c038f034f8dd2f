"""DQL, the query language over models, on its own: it knows nothing of how models are stored.

`parse` makes of a text an *AST*, frozen values that `to_text` writes as text again; `check` finds
what has no meaning although it reads well. What is wrong with a query is a `DqlError`, which shows
every mistake with its line and a caret.
"""

from __future__ import annotations

from dql.check import check
from dql.errors import DqlError
from dql.parser import parse
from dql.printer import to_text

__all__ = ["DqlError", "check", "parse", "to_text"]
