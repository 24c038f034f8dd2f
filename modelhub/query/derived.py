"""Hold models that a query made and nobody has stored: a network, and where its weights come from.

A *source* is a version that a part was taken of, by number. A tensor that is *kept* has the values
of a source's tensor; a *fresh* one is made by a seed. Nothing is read before weights are asked for,
and then only the tensors that are kept.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from modelhub.dlv.resolve import default_snapshot, format_rev
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import read_tensor
from modelhub.errors import NotFoundError
from modelhub.net import build, to_json
from modelhub.net.graph import Network
from modelhub.net.outline import outline_of
from modelhub.net.surgery import Edited, initialise
from modelhub.query.versions import StoredVersion
from modelhub.query.views import NetworkView

__all__ = ["Derived", "DerivedVersion"]


class DerivedVersion:
    """A version that a query made, as queries see it; see `dql.backend.Version`."""

    def __init__(
        self,
        repo: Repo,
        name: str,
        edited: Edited,
        sources: Sequence[StoredVersion | DerivedVersion],
    ) -> None:
        self.repo = repo
        self.name = name
        self.edited = edited
        self.sources = tuple(sources)

    @cached_property
    def id(self) -> str:
        """A digest of its name, network, and where its weights come from, in hexadecimal."""
        digest = hashlib.blake2b(self.name.encode("utf-8", "surrogatepass"), digest_size=32)
        facts = {
            "sources": [source.id for source in self.sources],
            "kept": {name: list(origin) for name, origin in self.edited.kept.items()},
            "fresh": {name: repr(fresh) for name, fresh in self.edited.fresh.items()},
        }
        digest.update(json.dumps(facts, sort_keys=True).encode())
        digest.update(to_json(self.graph))
        return digest.hexdigest()

    @property
    def graph(self) -> Network:
        """Its whole network."""
        return self.edited.network

    @property
    def parameters(self) -> int:
        """The number of values of its weights, tied ones once."""
        return sum(
            math.prod(tensor.shape)
            for tensor in self.graph.tensors
            if tensor.role != "constant" and not tensor.tied
        )

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes; those of a commit are null."""
        return {"name": self.name, "id": self.id, "parameters": self.parameters, "snapshots": 0}

    @property
    def metrics(self) -> Mapping[str, Sequence[float]]:
        """None: it has not been measured."""
        return {}

    config: Mapping[str, Any] = {}
    metadata: Mapping[str, Any] = {}

    @property
    def parents(self) -> Sequence[str]:
        """The ids of its sources, each once."""
        return list(dict.fromkeys(source.id for source in self.sources))

    @cached_property
    def _view(self) -> NetworkView:
        return NetworkView(outline_of(self.graph))

    def network(self) -> NetworkView:
        """Return its network as queries see it."""
        return self._view

    def stored_sources(self) -> list[StoredVersion]:
        """Return the stored versions that it comes from, through other derived ones, each once."""
        found: dict[str, StoredVersion] = {}
        for source in self.sources:
            of_source = [source] if isinstance(source, StoredVersion) else source.stored_sources()
            found |= {each.id: each for each in of_source}
        return list(found.values())

    def weights(self, seed: int) -> dict[str, np.ndarray]:
        """Return all its weights: kept ones from the sources, fresh ones by the seed."""
        given = [
            _Stored(self.repo, source) if isinstance(source, StoredVersion) else _Lazy(source, seed)
            for source in self.sources
        ]
        return initialise(self.edited, given, seed)


class _Stored(Mapping[str, np.ndarray]):
    """The weights of a stored version, each read when it is asked for."""

    def __init__(self, repo: Repo, version: StoredVersion) -> None:
        self._repo = repo
        self._rev = format_rev(version.record)
        record = version.record
        with repo.catalog.read() as txn:
            snapshot = default_snapshot(record, txn.metadata(record.id).get("best_snapshot"))
            if snapshot is None:
                raise NotFoundError(f"{self._rev} has no weights")
            self._records = {tensor.name: tensor for tensor in txn.tensors(snapshot.tree)}

    def __getitem__(self, name: str) -> np.ndarray:
        return read_tensor(self._repo, self._records[name])

    def __contains__(self, name: object) -> bool:
        # Not by reading it, as a mapping would.
        return name in self._records

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)


class _Lazy(Mapping[str, np.ndarray]):
    """The weights of a derived version, made when the first is asked for."""

    def __init__(self, version: DerivedVersion, seed: int) -> None:
        self._version = version
        self._seed = seed

    @cached_property
    def _made(self) -> dict[str, np.ndarray]:
        return self._version.weights(self._seed)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


class Derived:
    """A model that a query made and nobody has stored; the repository must stay open."""

    def __init__(self, version: DerivedVersion, seed: int) -> None:
        self._version = version
        self.seed = seed

    @property
    def known(self) -> DerivedVersion:
        """What queries know it as."""
        return self._version

    def __repr__(self) -> str:
        return f"<Derived {self.name} from {', '.join(self.sources)}>"

    @property
    def name(self) -> str:
        """The name that the query gave it."""
        return self._version.name

    @property
    def id(self) -> str:
        """A digest of its name, its network and where its weights come from."""
        return self._version.id

    @property
    def sources(self) -> tuple[str, ...]:
        """The revisions of the stored versions that it comes from."""
        return tuple(format_rev(each.record) for each in self._version.stored_sources())

    @property
    def parameters(self) -> int:
        """The number of values of its weights."""
        return self._version.parameters

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the tensors that have the values of a source's."""
        return tuple(self._version.edited.kept)

    @property
    def fresh(self) -> tuple[str, ...]:
        """The names of the tensors that are made by the seed."""
        return tuple(self._version.edited.fresh)

    def network(self) -> Network:
        """Return its network N."""
        return self._version.graph

    def weights(self, seed: int | None = None) -> dict[str, np.ndarray]:
        """Return its weights by tensor name; kept ones are read now.

        Args:
            seed: What fresh ones are made by; that of the query if not given.

        Raises:
            CorruptionError: a checksum fails.
        """
        return self._version.weights(self.seed if seed is None else seed)

    def module(self, seed: int | None = None) -> Any:
        """Return a torch module that runs the network with these weights, in eval mode.

        Raises:
            ModelHubError: kind `missing_extra`, torch is not installed.
        """
        return build(self.network(), self.weights(seed))
