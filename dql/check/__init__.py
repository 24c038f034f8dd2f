"""What a query means is checked before it runs: names, kinds of values, templates, patterns."""

from __future__ import annotations

from dql.check.actions import base_of
from dql.check.statements import check, mistakes_of

__all__ = ["base_of", "check", "mistakes_of"]
