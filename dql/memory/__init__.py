"""The reference evaluator: any backend, every row, one after another.

Slow on purpose; whatever runs queries faster must give the same rows.
"""

from __future__ import annotations

from dql.memory.select import Rows, run_select
from dql.memory.store import MemoryBackend, MemoryNetwork, MemoryNode, MemoryVersion

__all__ = [
    "MemoryBackend",
    "MemoryNetwork",
    "MemoryNode",
    "MemoryVersion",
    "Rows",
    "run_select",
]
