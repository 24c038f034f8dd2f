"""Tie the text of a query to what it runs over: saved queries and parameters.

What is *prepared* is read, checked, and has every name and parameter that it needs.
"""

from __future__ import annotations

from dql.prepare.parameters import given
from dql.prepare.prepared import Prepared, prepare

__all__ = ["Prepared", "given", "prepare"]
