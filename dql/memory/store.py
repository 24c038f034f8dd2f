"""Versions, networks and saved queries held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dql.backend import EditError, Editor, Probe, Value, Version

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
    outputs: Sequence[str] = ()
    wired: bool = True


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

    def version(self, version_id: str) -> Version | None:
        """Return a version by its whole id; None if there is none."""
        return next((each for each in self.all if each.id == version_id), None)

    def children(self, version_id: str) -> Sequence[str]:
        """Return the ids of the versions made from one."""
        return [each.id for each in self.all if version_id in each.parents]

    def count(self) -> int:
        """Return the number of versions."""
        return len(self.all)

    def estimate(self, probe: Probe) -> int | None:
        """Return None: there are no indexes here."""
        return None

    def probe(self, probe: Probe) -> Iterable[str]:
        """Return all ids."""
        return [each.id for each in self.all]

    def slice(
        self, version: Version, begin: Sequence[str], end: Sequence[str], name: str = ""
    ) -> Version:
        """Refuse: networks held in memory have layers alone."""
        raise EditError("networks held in memory cannot be sliced")

    def edit(self, version: Version) -> Editor:
        """Refuse: networks held in memory have layers alone."""
        raise EditError("networks held in memory cannot be changed")
