"""Let tests stop, tear or kill a program at its Nth change to a file.

Every *mutation* is announced before it happens; without a hook that costs one comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["OPERATIONS", "before", "set_hook"]

OPERATIONS = frozenset({"write", "sync", "rename", "remove", "mkdir", "truncate"})

Hook = Callable[[str, Path], None]

_hook: Hook | None = None


def before(operation: str, path: Path) -> None:
    """Announce a mutation, one of `OPERATIONS`; what the hook raises stops it."""
    if _hook is not None:
        assert operation in OPERATIONS, operation
        _hook(operation, path)


def set_hook(hook: Hook | None) -> None:
    """Set what is called before each mutation; None takes it away."""
    global _hook
    _hook = hook
