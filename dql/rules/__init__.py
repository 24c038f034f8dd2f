"""Rewrite the steps of a query so that fewer rows are tried; the rows that come out are the same.

Every condition stays in the plan: an access may give more than meets its condition.
"""

from __future__ import annotations

from dql.rules.accesses import accesses, variables_of
from dql.rules.conjuncts import free_variables, split
from dql.rules.order import Costs, improve

__all__ = ["Costs", "accesses", "free_variables", "improve", "split", "variables_of"]
