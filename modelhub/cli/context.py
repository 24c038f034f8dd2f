"""Carry what every verb is given: the options that all verbs share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Context"]


@dataclass(frozen=True, slots=True)
class Context:
    """The shared options: where the repository is, and how to talk.

    `directory` is None where -C is not given; then the repository holds the working directory.
    """

    directory: Path | None = None
    json: bool = False
    quiet: bool = False

    @property
    def start(self) -> Path:
        """Where the search for the repository begins."""
        return self.directory if self.directory is not None else Path()
