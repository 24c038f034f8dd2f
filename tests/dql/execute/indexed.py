"""A backend with real indexes, in memory, that may give more than was asked for."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from dql.backend import Probe, Version
from dql.memory import MemoryBackend
from dql.memory.graph import WholeLineage, Wiring, ancestors, descendants
from dql.memory.values import Series, single


class IndexedBackend(MemoryBackend):
    """Answers probes from tables built at the start; counts what it is asked for."""

    def __init__(
        self,
        versions: Sequence[Version],
        queries: dict[str, str] | None = None,
        *,
        lacking: Iterable[str] = (),
        extra: float = 0.0,
        seed: int = 0,
        guess: bool = False,
    ) -> None:
        super().__init__(versions, queries or {})
        set_ = object.__setattr__
        set_(self, "_places", {each.id: place for place, each in enumerate(versions)})
        set_(self, "_lineage", WholeLineage(versions))
        set_(self, "_lacking", frozenset(lacking))
        set_(self, "_extra", extra)
        set_(self, "_random", random.Random(seed))
        set_(self, "_guess", guess)
        set_(self, "asked", {"versions": 0, "version": 0, "probe": 0})
        set_(self, "_tables", {each.id: dict(self._facts(each)) for each in versions})

    def _facts(self, version: Version) -> Iterable[tuple[tuple[str, ...], list]]:
        for word in ("name", "version", "creation_time"):
            yield (word,), [version.attributes.get(word)]
        yield ("id",), [version.id]
        yield ("tags",), list(version.attributes.get("tags") or ())
        for name, values in version.metrics.items():
            series = Series(name, values)
            yield ("metrics", name, "last"), [single(series)]
            yield ("metrics", name, "best"), [series.best]
        yield from _scalars(("config",), version.config)
        yield from _scalars(("metadata",), version.metadata)
        lineage = self._lineage
        yield ("parents",), [each.id for each in lineage.parents(version)]
        yield ("children",), [each.id for each in lineage.children(version)]
        yield ("ancestors",), [each.id for each in ancestors(lineage, version)]
        yield ("descendants",), [each.id for each in descendants(lineage, version)]
        network = version.network()
        if network is not None:
            yield ("kinds",), [node.kind for node in network.nodes]
            yield ("pairs",), _pairs(Wiring(network))

    def _meets(self, version_id: str, probe: Probe) -> bool:
        found = self._tables[version_id].get(probe.path, ())
        return any(_within(each, probe) for each in found if each is not None)

    def versions(self) -> Iterable[Version]:
        self.asked["versions"] += 1
        return self.all

    def version(self, version_id: str) -> Version | None:
        self.asked["version"] += 1
        return self._lineage.by_id.get(version_id)

    def order(self, version_id: str) -> int:
        return self._places[version_id]

    def estimate(self, probe: Probe) -> int | None:
        if probe.path[0] in self._lacking:
            return None
        if self._guess:
            return self._random.randrange(20)
        return sum(self._meets(each.id, probe) for each in self.all)

    def probe(self, probe: Probe) -> Iterable[str]:
        self.asked["probe"] += 1
        assert probe.path[0] not in self._lacking
        return [
            each.id
            for each in self.all
            if self._meets(each.id, probe) or self._random.random() < self._extra
        ]


def _scalars(path: tuple[str, ...], value: object) -> Iterable[tuple[tuple[str, ...], list]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _scalars((*path, key), inner)
    else:
        yield path, list(value) if isinstance(value, list | tuple) else [value]


def _within(value: object, probe: Probe) -> bool:
    if probe.prefix:
        return isinstance(value, str) and value.startswith(probe.low)
    for end in (probe.low, probe.high):
        if end is not None and _family(value) != _family(end):
            return False
    return not (
        (probe.low is not None and value < probe.low)
        or (probe.high is not None and value > probe.high)
    )


def _family(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return type(value).__name__


def _pairs(wiring: Wiring) -> list[tuple[str, str]]:
    kinds = {node.kind for node in wiring.nodes.values()}
    return [
        (node.kind, kind)
        for node in wiring.nodes.values()
        for kind in kinds
        for name in wiring.structure.hop([node.name], "next", "near", frozenset({kind}))
        if wiring.nodes[name].kind == kind
    ]


class UnorderedBackend(IndexedBackend):
    """Does not tell the order of its versions but by giving all."""

    order = None  # type: ignore[assignment]
