"""Count the steps of one operation for whoever shows how far it is."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "counter"]

# Called with the bytes done and in total.
Progress = Callable[[int, int], None]


def counter(progress: Progress | None, total: int) -> Callable[[int], None] | None:
    """Turn steps in bytes into calls of `progress(done, total)`."""
    if progress is None:
        return None
    done = 0

    def step(size: int) -> None:
        nonlocal done
        done += size
        progress(done, total)

    return step
