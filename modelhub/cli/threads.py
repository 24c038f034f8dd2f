"""The option `--threads`, for verbs that have no settings to take it from."""

from __future__ import annotations

import argparse

from modelhub.errors import UsageError

__all__ = ["add_threads", "check_threads"]

# As in a repository's settings.
_THREADS_MAX = 4096


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--threads", metavar="N", type=int, default=0, help="threads to use; 0: the cores at hand"
    )


def check_threads(threads: int) -> int:
    """Return the number given, if it is one of threads."""
    if not 0 <= threads <= _THREADS_MAX:
        raise UsageError(f"threads {threads}", expected=f"a number from 0 to {_THREADS_MAX}")
    return threads
