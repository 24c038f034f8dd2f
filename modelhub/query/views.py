"""Show networks as queries see them: nodes with kinds, attributes and the names of their inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

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
    """A network; `executable` is False where only weights are known, and no edges."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self.executable = outline.executable

    @cached_property
    def nodes(self) -> list[NodeView]:
        """All nodes, each behind those that it takes."""
        outline = self._outline
        return [
            NodeView(outline, number, name, kind, reads)
            for number, (name, kind, reads) in enumerate(
                zip(outline.names, outline.kinds, outline.reads, strict=True)
            )
        ]

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
