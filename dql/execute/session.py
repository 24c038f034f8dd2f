"""What one run of a query knows of the versions: it asks the backend for each but once."""

from __future__ import annotations

import datetime
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from dql import ast
from dql.backend import Backend, Network, Ordered, Probe, Value, Version
from dql.errors import DqlError
from dql.memory.graph import Wiring
from dql.memory.structure import Structure
from dql.mistakes import Mistake, error_of

__all__ = ["Session"]

_Found = TypeVar("_Found")
_Key = TypeVar("_Key")
# Networks are large, versions small; what was dropped is asked for again.
_WIRINGS_MAX = 256
_VERSIONS_MAX = 50_000
_ESTIMATES_MAX = 10_000


class Session:
    """The versions of a backend and those made during a run, with their lineage.

    Args:
        backend: What the query runs over.
        parameters: The values of `:name`.
        now: What `now()` is.
        combinations_max: How many combinations of versions may be tried.
        explaining: Whether no networks are to be made.
    """

    def __init__(
        self,
        backend: Backend,
        parameters: Mapping[str, Value],
        now: datetime.datetime,
        combinations_max: int,
        *,
        explaining: bool,
    ) -> None:
        self.backend = backend
        self.parameters = parameters
        self.now = now
        self.explaining = explaining
        # Saved queries that were planned, by name.
        self.saved: dict[str, Any] = {}
        self._left = combinations_max
        self._most = combinations_max
        self._versions: OrderedDict[str, Version | None] = OrderedDict()
        self._wirings: OrderedDict[str, Wiring | None] = OrderedDict()
        self._networks: OrderedDict[int, tuple[Network, Wiring]] = OrderedDict()
        self._structures: OrderedDict[Hashable, Structure] = OrderedDict()
        self._estimates: OrderedDict[Any, int | None] = OrderedDict()
        self._derived: dict[str, tuple[int, Version]] = {}
        self._ranks: dict[str, int] | None = None

    def stored(self, version_id: str) -> Version | None:
        """Return a version of the backend; None if there is none."""
        ask = self.backend.version
        return _kept(self._versions, version_id, lambda: ask(version_id), _VERSIONS_MAX)

    def version(self, version_id: str) -> Version | None:
        """Return a version of the backend, or one that was made during the run."""
        made = self._derived.get(version_id)
        return made[1] if made is not None else self.stored(version_id)

    def made(self, version: Version) -> None:
        """Take in a version that was made during the run."""
        self._derived.setdefault(version.id, (len(self._derived), version))

    def is_derived(self, version: Version) -> bool:
        """Say whether a version was made during the run."""
        return version.id in self._derived

    def parents(self, version: Version) -> Sequence[Version]:
        """Return the versions that one was made from, the main one first."""
        found = map(self.version, version.parents)
        return [each for each in found if each is not None]

    def children(self, version: Version) -> Sequence[Version]:
        """Return the stored versions made from one, in the order of the versions."""
        found = map(self.stored, self.backend.children(version.id))
        return [each for each in found if each is not None]

    def wiring(self, version: Version) -> Wiring | None:
        """Return the wiring of a version's network; None if there is no network."""
        return _kept(self._wirings, version.id, lambda: self._wired(version), _WIRINGS_MAX)

    def _wired(self, version: Version) -> Wiring | None:
        network = version.network()
        if network is None:
            return None
        # Versions may share a network; it is kept too, so that no other gets its id.
        both = _kept(self._networks, id(network), lambda: self._both(network), _WIRINGS_MAX)
        return both[1]

    def _both(self, network: Network) -> tuple[Network, Wiring]:
        key = getattr(network, "structure", None)
        if key is None:
            return network, Wiring(network)
        structure = _kept(self._structures, key, lambda: Structure(network), _WIRINGS_MAX)
        return network, Wiring(network, structure)

    def rank(self, version_id: str) -> tuple[int, int]:
        """Return what sorts versions into their order: those made here are behind all stored."""
        if version_id in self._derived:
            return 1, self._derived[version_id][0]
        if isinstance(self.backend, Ordered):
            return 0, self.backend.order(version_id)
        if self._ranks is None:
            self._ranks = {each.id: place for place, each in enumerate(self.backend.versions())}
        return 0, self._ranks[version_id]

    def estimate(self, probe: Probe) -> int | None:
        """Return about how many versions meet a condition; None if no index knows."""
        # 1 equals true, but not in an index.
        key = probe, type(probe.low), type(probe.high)
        ask = self.backend.estimate
        return _kept(self._estimates, key, lambda: ask(probe), _ESTIMATES_MAX)

    def tried(self, piece: ast.Piece, text: str) -> None:
        """Count one more combination of versions that is tried.

        Raises:
            DqlError: There are too many.
        """
        self._left -= 1
        if self._left < 0:
            message = (
                f"More than {self._most:,} combinations of versions would be tried; add conditions "
                "that tie the variables together, such as `m1.parent = m2`."
            )
            raise self.wrong(piece, text, message)

    def wrong(self, piece: ast.Piece, text: str, message: str) -> DqlError:
        """Return an error that points at a piece of a text."""
        return error_of(text, [Mistake(piece.span.start, message)])


def _kept(
    known: OrderedDict[_Key, _Found], key: _Key, find: Callable[[], _Found], most: int
) -> _Found:
    """Return what is known under a key; finds it if it is not, and drops what was found first."""
    if key not in known:
        if len(known) >= most:
            known.popitem(last=False)
        known[key] = find()
    return known[key]
