"""What a query does, as a tree of *steps*: each takes the rows of the steps below it.

A *row* gives each variable a version. An *access* is a way to find versions without trying all.
"""

from __future__ import annotations

from dql.logical.access import Access, Both, Either, Index, Kin, Kinds, Relation
from dql.logical.steps import (
    Build,
    Distinct,
    Filter,
    Group,
    Join,
    Limit,
    Look,
    Nested,
    Order,
    Plan,
    Project,
    Restore,
    Scan,
    Trials,
    Unit,
)

__all__ = [
    "Access",
    "Both",
    "Build",
    "Distinct",
    "Either",
    "Filter",
    "Group",
    "Index",
    "Join",
    "Kin",
    "Kinds",
    "Limit",
    "Look",
    "Nested",
    "Order",
    "Plan",
    "Project",
    "Relation",
    "Restore",
    "Scan",
    "Trials",
    "Unit",
]
