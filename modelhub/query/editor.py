"""Make new networks for queries: slices, and networks changed step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from dql import backend as languages
from dql.backend import EditError
from modelhub.dlv.state import Repo
from modelhub.net import surgery
from modelhub.net.graph import Network
from modelhub.net.outline import outline_of
from modelhub.net.surgery import Surgeon, SurgeryError
from modelhub.query.derived import DerivedVersion
from modelhub.query.versions import StoredVersion
from modelhub.query.views import NetworkView

__all__ = ["Graphs", "RepoEditor", "slice_of"]


class Graphs(Protocol):
    """What finds the whole networks of versions."""

    repo: Repo

    def graph(self, version: languages.Version) -> Network:
        """Return the whole network of a version; EditError if it has none with edges."""


def slice_of(
    graphs: Graphs,
    version: languages.Version,
    begin: Sequence[str],
    end: Sequence[str],
    name: str = "",
) -> DerivedVersion:
    """Return the part of a network on the paths from some nodes to others.

    Raises:
        EditError: there is no path, or no network with edges.
    """
    graph = graphs.graph(version)
    with _edit_errors():
        edited = surgery.cut(graph, begin, end)
    called = name or str(version.attributes.get("name"))
    return DerivedVersion(graphs.repo, called, edited, [_part(version)])


class RepoEditor:
    """Changes the network of a version step by step; see `dql.backend.Editor`."""

    def __init__(
        self,
        graphs: Graphs,
        version: languages.Version,
        noted: Callable[[DerivedVersion], DerivedVersion],
    ) -> None:
        self._graphs = graphs
        self._noted = noted
        self._sources = [_part(version)]
        self._surgeon = Surgeon(graphs.graph(version))

    def network(self) -> NetworkView:
        """Return the network as it is now."""
        with _edit_errors():
            return NetworkView(outline_of(self._surgeon.network()))

    def insert(self, node: str, chain: Sequence[languages.Layer], *, before: bool = False) -> None:
        """Put nodes, one behind the other, between a node and all that reads it (or it reads)."""
        with _edit_errors():
            self._surgeon.insert(node, _layers(chain), before=before)

    def delete(self, node: str) -> None:
        """Take a node out and join what was around it."""
        with _edit_errors():
            self._surgeon.delete(node)

    def delete_edge(self, node: str, reader: str) -> None:
        """Take out the edge from one node to another."""
        with _edit_errors():
            self._surgeon.delete_edge(node, reader)

    def replace(self, nodes: Sequence[str], chain: Sequence[languages.Layer]) -> None:
        """Put nodes in the place of others."""
        with _edit_errors():
            self._surgeon.replace(nodes, _layers(chain))

    def rename(self, names: Mapping[str, str]) -> None:
        """Give nodes, and the tensors below them, new names, all at once."""
        with _edit_errors():
            self._surgeon.rename(names)

    def append(self, chain: Sequence[languages.Layer]) -> None:
        """Put nodes between the last node and the output."""
        with _edit_errors():
            self._surgeon.append(_layers(chain))

    def prepend(self, chain: Sequence[languages.Layer]) -> None:
        """Put nodes between the input and what reads it."""
        with _edit_errors():
            self._surgeon.prepend(_layers(chain))

    def stitch(self, node: str, other: languages.Version, reader: str) -> None:
        """Let the part of another network from `reader` on go on from `node`'s output."""
        graph = self._graphs.graph(other)
        with _edit_errors():
            self._surgeon.stitch(node, graph, reader)
        self._sources.append(_part(other))

    def repeat(self, nodes: Sequence[str], times: int) -> None:
        """Have nodes that hang together `times` times, one behind the other."""
        with _edit_errors():
            self._surgeon.repeat(nodes, times)

    def change(self, node: str, attribute: str, value: Any) -> None:
        """Give an attribute another value."""
        with _edit_errors():
            self._surgeon.change(node, attribute, value)

    def freeze(self, nodes: Sequence[str], *, frozen: bool = True) -> None:
        """Keep the weights of nodes, or of all if there are none, from being trained."""
        with _edit_errors():
            self._surgeon.freeze(nodes, frozen=frozen)

    def finish(self, name: str) -> DerivedVersion:
        """Check the whole with its shapes and return it as a version of that name."""
        with _edit_errors():
            edited = self._surgeon.finish()
        return self._noted(DerivedVersion(self._graphs.repo, name, edited, self._sources))


@contextmanager
def _edit_errors() -> Iterator[None]:
    try:
        yield
    except SurgeryError as error:
        raise EditError(str(error)) from error


def _layers(chain: Sequence[languages.Layer]) -> list[surgery.Layer]:
    return [surgery.Layer(each.kind, each.name, each.attributes) for each in chain]


def _part(version: languages.Version) -> StoredVersion | DerivedVersion:
    assert isinstance(version, StoredVersion | DerivedVersion)
    return version
