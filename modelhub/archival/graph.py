"""Storage graphs: what can be stored against what, at which costs."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub import _core
from modelhub.errors import UsageError

__all__ = ["NO_EDGE", "Builder", "Graph"]

NO_EDGE = _core.NO_EDGE

_DTYPES = {
    "source": np.uint32,
    "target": np.uint32,
    "storage": np.float64,
    "recreation": np.float64,
    "group_begin": np.uint64,
    "members": np.uint32,
    "high": np.float64,
    "from_high": np.uint8,
}
_OPTIONAL = ("high", "from_high")


def as_array(value: Any, dtype: npt.DTypeLike, what: str) -> npt.NDArray[Any]:
    """Return a one-dimensional array of `dtype`, without a copy where it is one already.

    Raises:
        UsageError: it has another dimension, or values that the dtype cannot hold.
    """
    array = np.asarray(value)
    wanted = np.dtype(dtype)
    if array.ndim != 1:
        raise UsageError(f"{what} of shape {list(array.shape)}", expected="one dimension")
    if array.dtype.kind not in ("buif" if array.size else "buifO"):
        raise UsageError(f"{what} of dtype {array.dtype}", expected=f"{wanted}")
    with np.errstate(all="ignore"):
        converted = np.require(array.astype(wanted, copy=False), requirements=("C", "A"))
    if wanted.kind == "u" and not np.array_equal(converted, array):
        raise UsageError(f"{what} with values that are no {wanted}", expected=f"{wanted}")
    return converted


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A storage graph over `vertices` vertices, of which number 0 is the empty one.

    Edges are E numbers each in `source`, `target`, `storage` (what storing the target by the edge
    takes) and `recreation` (what recreating the target costs beyond its source). With segments,
    `high` is what recreating the high segments of the target alone costs beyond those of the
    source, and `from_high` says which edges need no more than the high segments of their source.
    Group g has the members `members[group_begin[g]:group_begin[g + 1]]`; who is a member twice
    counts twice.

    The arrays are kept as they are where their dtypes fit, and must not change. Units are the
    caller's: all storage costs in one, all recreation costs in one.

    Raises:
        UsageError: lengths, numbers or costs that make no graph; a vertex without an edge from 0.
    """

    vertices: int
    source: npt.NDArray[np.uint32]
    target: npt.NDArray[np.uint32]
    storage: npt.NDArray[np.float64]
    recreation: npt.NDArray[np.float64]
    group_begin: npt.NDArray[np.uint64]
    members: npt.NDArray[np.uint32]
    high: npt.NDArray[np.float64] | None = None
    from_high: npt.NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.vertices, int | np.integer) or self.vertices < 1:
            raise UsageError(f"vertices={self.vertices!r}", expected="1 or more")
        for name, dtype in _DTYPES.items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            kept = as_array(value, dtype, name).view()
            kept.flags.writeable = False
            object.__setattr__(self, name, kept)
        _core.archival_check(self.parts())

    @property
    def edges(self) -> int:
        """Count the edges."""
        return int(self.source.size)

    @property
    def groups(self) -> int:
        """Count the groups."""
        return max(0, int(self.group_begin.size) - 1)

    def group(self, number: int) -> npt.NDArray[np.uint32]:
        """Return the members of a group."""
        return self.members[int(self.group_begin[number]) : int(self.group_begin[number + 1])]

    def parts(self) -> tuple[Any, ...]:
        """Return the graph as the core takes it."""
        return (
            int(self.vertices),
            self.source,
            self.target,
            self.storage,
            self.recreation,
            self.high,
            self.from_high,
            self.group_begin,
            self.members,
        )


class Builder:
    """A graph that grows: vertices, edges and groups are added one by one.

    It begins with the empty vertex, number 0.
    """

    def __init__(self) -> None:
        self._vertices = 1
        self._source, self._target = array("I"), array("I")
        self._storage, self._recreation, self._high = array("d"), array("d"), array("d")
        self._from_high = array("B")
        self._group_begin, self._members = array("Q", [0]), array("I")
        self._segmented = False

    def add_vertex(self) -> int:
        """Add a vertex and return its number."""
        self._vertices += 1
        return self._vertices - 1

    def _check(self, vertex: int, least: int, what: str) -> None:
        if not least <= vertex < self._vertices:
            expected = f"{least} to {self._vertices - 1}"
            raise UsageError(f"vertex {vertex} as {what}", expected=expected)

    def add_edge(
        self,
        source: int,
        target: int,
        storage: float,
        recreation: float,
        *,
        high: float | None = None,
        from_high: bool = False,
    ) -> int:
        """Add an edge and return its number.

        Args:
            source: The vertex that the target is stored against; 0 to store it alone.
            target: The vertex that is stored.
            storage: What that takes.
            recreation: What recreating the target costs beyond recreating its source.
            high: The same for the high segments of both; as much as the whole if not given. Once
                it is, or `from_high`, the graph has segments.
            from_high: The edge needs no more than the high segments of its source.

        Raises:
            UsageError: no such vertex.
        """
        self._check(source, 0, "a source")
        self._check(target, 1, "a target")
        self._segmented = self._segmented or high is not None or from_high
        self._source.append(source)
        self._target.append(target)
        self._storage.append(storage)
        self._recreation.append(recreation)
        self._high.append(recreation if high is None else high)
        self._from_high.append(bool(from_high))
        return len(self._source) - 1

    def add_group(self, members: Iterable[int]) -> int:
        """Add a group of vertices that are recreated together, and return its number.

        Raises:
            UsageError: no such vertex.
        """
        chosen = list(members)
        for member in chosen:
            self._check(member, 1, "a member")
        self._members.extend(chosen)
        self._group_begin.append(len(self._members))
        return len(self._group_begin) - 2

    def build(self) -> Graph:
        """Return the graph as it is now.

        Raises:
            UsageError: costs that are negative or not finite, or a vertex that no edge from 0
                leads to.
        """
        return Graph(
            vertices=self._vertices,
            source=np.array(self._source, np.uint32),
            target=np.array(self._target, np.uint32),
            storage=np.array(self._storage, np.float64),
            recreation=np.array(self._recreation, np.float64),
            group_begin=np.array(self._group_begin, np.uint64),
            members=np.array(self._members, np.uint32),
            high=np.array(self._high, np.float64) if self._segmented else None,
            from_high=np.array(self._from_high, np.uint8) if self._segmented else None,
        )
