"""A query as data: frozen values, equal if they say the same wherever they stand in a text.

A *piece* is any part of a query; a *span* is where it stands.
"""

from __future__ import annotations

from dql.ast import base, conditions, expressions, statements
from dql.ast.base import *  # noqa: F403
from dql.ast.conditions import *  # noqa: F403
from dql.ast.expressions import *  # noqa: F403
from dql.ast.statements import *  # noqa: F403

__all__ = [*base.__all__, *conditions.__all__, *expressions.__all__, *statements.__all__]
