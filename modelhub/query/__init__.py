"""Run DQL over a repository.

A *stored* version is one of the catalog; a *derived* one was made by a query and is in memory until
it is saved. An *answer* is what a query found, with the plan it was found by.
"""

from __future__ import annotations

from modelhub.query.derived import Derived
from modelhub.query.errors import QueryError
from modelhub.query.face import Rows, query

__all__ = ["Derived", "QueryError", "Rows", "query"]
