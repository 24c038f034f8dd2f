"""What DQL asks of whatever holds the models.

A *backend* has versions and saved queries; a *version* has attributes, metrics, lineage and perhaps
a network; a *network* is nodes with the names of their inputs.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

__all__ = ["Backend", "Network", "Node", "Value", "Version"]

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
        """The names of the nodes whose outputs it takes."""


class Network(Protocol):
    """A directed graph of nodes without cycles."""

    @property
    def nodes(self) -> Sequence[Node]:
        """All nodes, each behind those that it takes."""


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


class Backend(Protocol):
    """What queries run over."""

    def versions(self) -> Iterable[Version]:
        """Return all versions, in an order that stays."""

    def saved(self, name: str) -> str | None:
        """Return the text of a saved query; None if there is none of this name."""
