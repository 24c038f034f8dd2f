"""Show networks as queries see them: nodes with kinds, attributes and the names of their inputs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

from modelhub.net.outline import Outline

__all__ = ["NetworkView", "NodeView"]


class NodeView:
    """A node; `number` is its place in the outline."""

    __slots__ = ("_outline", "inputs", "kind", "name", "number")

    def __init__(
        self, outline: Outline, number: int, name: str, kind: str, inputs: tuple[str, ...]
    ) -> None:
        self._outline = outline
        self.number = number
        self.name = name
        self.kind = kind
        self.inputs = inputs

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes that queries know it by, decoded when they are asked for."""
        return self._outline.attributes[self.number]


class NetworkView:
    """A network; `wired` is False where only weights are known, and no edges."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline

    @property
    def wired(self) -> bool:
        """Whether the edges are known."""
        return self._outline.executable

    @property
    def structure(self) -> Hashable | None:
        """What networks have in common that differ in attributes alone; None if it is unknown."""
        return self._outline.structure

    @cached_property
    def nodes(self) -> Sequence[NodeView]:
        """All nodes, each behind those that it takes."""
        return _Nodes(self._outline)

    @property
    def readers(self) -> Mapping[str, Sequence[str]]:
        """For each node, by name, the nodes that read it."""
        return self._outline.readers

    @property
    def outputs(self) -> list[str]:
        """The names of the nodes whose values it returns."""
        outline = self._outline
        first = len(outline.inputs)
        return [outline.names[each - first] for each in outline.outputs if each >= first]


class _Nodes(Sequence[NodeView]):
    """The nodes of an outline, each made when it is asked for."""

    __slots__ = ("_outline",)

    def __init__(self, outline: Outline) -> None:
        self._outline = outline

    def __len__(self) -> int:
        return len(self._outline.names)

    @overload
    def __getitem__(self, index: int) -> NodeView: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[NodeView]: ...

    def __getitem__(self, index: int | slice) -> NodeView | Sequence[NodeView]:
        outline = self._outline
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        name, kind, reads = outline.names[index], outline.kinds[index], outline.reads[index]
        return NodeView(outline, index % len(self), name, kind, reads)
