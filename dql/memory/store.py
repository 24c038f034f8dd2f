"""Versions, networks and saved queries held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dql.backend import Value, Version

__all__ = ["MemoryBackend", "MemoryNetwork", "MemoryNode", "MemoryVersion"]


@dataclass(frozen=True, slots=True)
class MemoryNode:
    """A node; see `backend.Node`."""

    name: str
    kind: str
    inputs: Sequence[str] = ()
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryNetwork:
    """A network; see `backend.Network`."""

    nodes: Sequence[MemoryNode]


@dataclass(frozen=True, slots=True)
class MemoryVersion:
    """A version; see `backend.Version`."""

    id: str
    attributes: Mapping[str, Value] = field(default_factory=dict)
    metrics: Mapping[str, Sequence[float]] = field(default_factory=dict)
    config: Mapping[str, Value] = field(default_factory=dict)
    metadata: Mapping[str, Value] = field(default_factory=dict)
    parents: Sequence[str] = ()
    layers: MemoryNetwork | None = None

    def network(self) -> MemoryNetwork | None:
        """Return the network; None if only weights are known."""
        return self.layers


@dataclass(frozen=True, slots=True)
class MemoryBackend:
    """A backend; see `backend.Backend`."""

    all: Sequence[MemoryVersion]
    queries: Mapping[str, str] = field(default_factory=dict)

    def versions(self) -> Iterable[Version]:
        """Return all versions."""
        return self.all

    def saved(self, name: str) -> str | None:
        """Return the text of a saved query; None if there is none of this name."""
        return self.queries.get(name)
