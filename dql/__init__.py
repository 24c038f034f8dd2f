"""DQL, the query language over models, on its own: it knows nothing of how models are stored.

The language stands in layers of which the lowest is here: the *error* that a query's author sees.
"""

from __future__ import annotations

from dql.errors import DqlError

__all__ = ["DqlError"]
