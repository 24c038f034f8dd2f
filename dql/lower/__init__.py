"""Turn a statement into steps as it reads, without any thought of speed."""

from __future__ import annotations

from dql.lower.statements import lower, ranges

__all__ = ["lower", "ranges"]
