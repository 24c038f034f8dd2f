"""Tie the text of a query to what it runs over: saved queries and parameters.

What is *bound* is read, checked, and has every name and parameter that it needs.
"""

from __future__ import annotations

from dql.bind.bound import Bound, bind
from dql.bind.parameters import given

__all__ = ["Bound", "bind", "given"]
