"""What DQL asks of whatever holds the models.

A *backend* has versions and saved queries; a *version* has attributes, metrics, lineage and perhaps
a network; a *network* is nodes with the names of their inputs. A *probe* is a condition that an
index may answer. An *editor* makes a new network of a version's, step by step.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

__all__ = [
    "Backend",
    "EditError",
    "Editor",
    "Layer",
    "Network",
    "Node",
    "Ordered",
    "Probe",
    "Value",
    "Version",
]

# None stands for what is not there. Times are aware.
Value = (
    None | bool | int | float | str | datetime.datetime | Sequence["Value"] | Mapping[str, "Value"]
)


class Node(Protocol):
    """One layer of a network."""

    @property
    def name(self) -> str:
        """Its name, unique in the network."""

    @property
    def kind(self) -> str:
        """The template that it is an instance of, such as CONV."""

    @property
    def attributes(self) -> Mapping[str, Value]:
        """Its attributes, such as kernel."""

    @property
    def inputs(self) -> Sequence[str]:
        """The names of the nodes whose outputs it takes, and of the network's inputs it takes."""


class Network(Protocol):
    """A directed graph of nodes without cycles.

    It may have more where that is known already:

    - `wired`: False if the edges are not known; nodes then have no inputs.
    - `readers`: a mapping from the name of each node to the names of those that take its output.
    - `structure`: something to hash; networks for which it is equal have the same names, kinds,
      edges and outputs, in the same order.
    """

    @property
    def nodes(self) -> Sequence[Node]:
        """All nodes, each behind those that it takes."""

    @property
    def outputs(self) -> Sequence[str]:
        """The names of the nodes whose values it returns; empty: those that nothing reads."""


class Version(Protocol):
    """One version of a model. Equal versions have equal ids."""

    @property
    def id(self) -> str:
        """What it is known by."""

    @property
    def attributes(self) -> Mapping[str, Value]:
        """Those of `words.VERSION_ATTRIBUTES` that are plain values; what lacks is null."""

    @property
    def metrics(self) -> Mapping[str, Sequence[float]]:
        """For each metric its values over the snapshots, the oldest first."""

    @property
    def config(self) -> Mapping[str, Value]:
        """Its settings, perhaps nested."""

    @property
    def metadata(self) -> Mapping[str, Value]:
        """What else was said of it, perhaps nested."""

    @property
    def parents(self) -> Sequence[str]:
        """The ids of the versions that it was made from, the main one first."""

    def network(self) -> Network | None:
        """Return its network; None if only weights are known."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A condition on versions that an index may answer.

    Attributes:
        path: What the condition is on: `("name",)`, `("tags",)`, `("version",)`, `("id",)`,
            `("creation_time",)`, `("metrics", NAME, "last" or "best")`, `("metadata", KEY, ...)`,
            `("config", KEY, ...)`, `("parents",)`, `("children",)`, `("ancestors",)`,
            `("descendants",)`, `("kinds",)` or `("pairs",)`.
        low: The least value that meets it, itself included; None leaves that side open.
        high: The greatest. Equal to `low` for a condition on one value: a name, a tag, an id of
            a version, a kind, or for pairs the tuple of two kinds between which there is a near
            hop, where the second kind is named.
        prefix: Whether it is met by all texts that begin with `low`; `high` is then None.

    Without `low`, `high` and `prefix` it is met by all that have a value there. Of a list below
    `metadata` or `config`, as of tags, each item counts. Numbers are met by equal numbers, whether
    whole or not; texts and truth values are never met by numbers.
    """

    path: tuple[str, ...]
    low: Value = None
    high: Value = None
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """A node to build: its kind, its name (empty: one is made up), its attributes."""

    kind: str
    name: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)


class EditError(ValueError):
    """A network cannot be changed as it was asked; the text says why, without the place."""


class Editor(Protocol):
    """Changes the network of one version; each step sees what the ones before it made.

    Every method raises EditError if there is no such node or the step has no meaning.
    """

    def network(self) -> Network:
        """Return the network as it is now."""

    def insert(self, node: str, chain: Sequence[Layer], *, before: bool = False) -> None:
        """Put nodes, one behind the other, between a node and all that reads it (or it reads)."""

    def delete(self, node: str) -> None:
        """Take a node out and join what was around it; it must have one input of the same form."""

    def delete_edge(self, node: str, reader: str) -> None:
        """Take out the edge from one node to another that can do without it, such as an ADD."""

    def replace(self, nodes: Sequence[str], chain: Sequence[Layer]) -> None:
        """Put nodes in the place of one node, or of several that hang together."""

    def rename(self, names: Mapping[str, str]) -> None:
        """Give nodes, and the tensors below them, new names, all at once."""

    def append(self, chain: Sequence[Layer]) -> None:
        """Put nodes between the last node and the output."""

    def prepend(self, chain: Sequence[Layer]) -> None:
        """Put nodes between the input and what reads it."""

    def stitch(self, node: str, other: Version, reader: str) -> None:
        """Let the part of another network from `reader` on go on from `node`'s output."""

    def repeat(self, nodes: Sequence[str], times: int) -> None:
        """Have nodes that hang together `times` times, one behind the other."""

    def change(self, node: str, attribute: str, value: Value) -> None:
        """Give an attribute another value; weights whose shape it changes become new ones."""

    def freeze(self, nodes: Sequence[str], *, frozen: bool = True) -> None:
        """Keep the weights of nodes, or of all if there are none, from being trained."""

    def finish(self, name: str) -> Version:
        """Check the whole with its shapes and return it as a version of that name."""


class Backend(Protocol):
    """What queries run over."""

    def versions(self) -> Iterable[Version]:
        """Return all versions, in an order that stays."""

    def saved(self, name: str) -> str | None:
        """Return the text of a saved query; None if there is none of this name."""

    def version(self, version_id: str) -> Version | None:
        """Return a version by its whole id; None if there is none."""

    def children(self, version_id: str) -> Sequence[str]:
        """Return the ids of the versions made from one, in the order of `versions`."""

    def count(self) -> int:
        """Return the number of versions."""

    def estimate(self, probe: Probe) -> int | None:
        """Return about how many versions meet a condition, cheaply; None if no index knows."""

    def probe(self, probe: Probe) -> Iterable[str]:
        """Return the ids of the versions that may meet a condition: all that do, perhaps more.

        Only for a probe with an estimate. The order is that of `versions`.
        """

    def slice(
        self, version: Version, begin: Sequence[str], end: Sequence[str], name: str = ""
    ) -> Version:
        """Return the part of a network on the paths from some nodes to others, as a version.

        Args:
            name: What to call it; empty: as the version is called.

        Raises:
            EditError: there is no path, or no network with edges.
        """

    def edit(self, version: Version) -> Editor:
        """Begin a new network from a version's.

        Raises:
            EditError: there is no network with edges.
        """


@runtime_checkable
class Ordered(Protocol):
    """A backend that knows the order of its versions without going through all."""

    def order(self, version_id: str) -> int:
        """Return a number that sorts ids of its versions as `versions` does."""
