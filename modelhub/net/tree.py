"""Turn tensor names, dtypes and shapes into a module tree, and store it.

A *parameter* is one named tensor; a *module* is a dotted prefix with the parameters and modules
below it. Order is that of the input, except that numbered modules (`layer.0`, `layer.1`, ...) come
in numeric order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from modelhub.errors import CorruptionError

__all__ = [
    "DEPTH_MAX",
    "Module",
    "ModuleTree",
    "Parameter",
    "build",
    "from_json",
    "module_number",
    "to_json",
]

# Names nest this deep at most; what is deeper stays one name with dots in it. Real models use about
# 10 levels; the bound keeps hostile names ("a.a.a....") from exhausting the stack.
DEPTH_MAX = 64

# As numpy and torch hold them; they bound what the product of a hostile shape can cost.
_DIMENSIONS_MAX = 64
_SIZE_MAX = 2**63 - 1

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Parameter:
    """One tensor of a module; `name` is the last part of its full name."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Module:
    """A module with its own parameters and its submodules; counts include everything below."""

    name: str
    parameters: tuple[Parameter, ...]
    modules: tuple[Module, ...]
    tensor_count: int
    value_count: int


@dataclass(frozen=True, slots=True)
class ModuleTree:
    """The module tree of one snapshot; `records` are the (name, dtype, shape) it was built from."""

    records: tuple[tuple[str, str, tuple[int, ...]], ...]
    root: Module

    @property
    def tensor_count(self) -> int:
        """The number of named tensors."""
        return self.root.tensor_count

    @property
    def value_count(self) -> int:
        """The number of values in all named tensors; tied tensors count once for each name."""
        return self.root.value_count

    def walk(self) -> Iterator[tuple[str, Module]]:
        """Yield every module with its full name, parents before children."""
        stack = [("", self.root)]
        while stack:
            prefix, module = stack.pop()
            yield prefix, module
            start = f"{prefix}." if prefix else ""
            stack.extend((start + child.name, child) for child in reversed(module.modules))


@dataclass(slots=True)
class _Draft:
    parameters: list[Parameter] = field(default_factory=list)
    modules: dict[str, _Draft] = field(default_factory=dict)


def build(records: Iterable[tuple[str, str, Iterable[int]]]) -> ModuleTree:
    """Build the module tree of (name, dtype, shape) records."""
    kept = tuple((name, dtype, tuple(shape)) for name, dtype, shape in records)
    root = _Draft()
    for name, dtype, shape in kept:
        parts = name.split(".", DEPTH_MAX)
        draft = root
        for part in parts[:-1]:
            draft = draft.modules.setdefault(part, _Draft())
        draft.parameters.append(Parameter(parts[-1], dtype, shape))
    return ModuleTree(kept, _freeze("", root))


def to_json(tree: ModuleTree) -> bytes:
    """Return the tree's canonical bytes: equal trees have equal bytes."""
    parameters = [[name, dtype, list(shape)] for name, dtype, shape in tree.records]
    value = {"format": _FORMAT, "parameters": parameters}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def from_json(data: bytes) -> ModuleTree:
    """Read what `to_json` wrote.

    Raises:
        CorruptionError: the bytes are not a network of this format.
    """
    try:
        value = json.loads(data)
        found = value["format"]
        if found != _FORMAT:
            raise CorruptionError(
                f"network format {found!r}",
                expected=str(_FORMAT),
                hint="upgrade modelhub",
                kind="unsupported_version",
            )
        return build(_record(row) for row in value["parameters"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptionError(
            f"a field is missing or malformed ({repr(error)[:200]})",
            where="network",
            hint="run `modelhub fsck`",
        ) from error


def _record(row: Any) -> tuple[str, str, tuple[int, ...]]:
    name, dtype, shape = row
    if not isinstance(name, str) or not isinstance(dtype, str):
        raise TypeError("a name or dtype is not a string")
    if len(shape) > _DIMENSIONS_MAX:
        raise ValueError(f"{len(shape)} dimensions, at most {_DIMENSIONS_MAX}")
    for size in shape:
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _SIZE_MAX:
            raise ValueError(f"a size that is not a number from 0 to {_SIZE_MAX}")
    return name, dtype, tuple(shape)


def _freeze(name: str, draft: _Draft) -> Module:
    children = [_freeze(key, child) for key, child in draft.modules.items()]
    # The sort is stable, so modules without a number keep their order, before the numbered ones.
    children.sort(key=module_number)
    parameters = tuple(draft.parameters)
    return Module(
        name=name,
        parameters=parameters,
        modules=tuple(children),
        tensor_count=len(parameters) + sum(child.tensor_count for child in children),
        value_count=sum(p.count for p in parameters) + sum(c.value_count for c in children),
    )


def module_number(module: Module) -> int:
    """Return the number that a module's name is, or -1."""
    name = module.name
    return int(name) if name.isascii() and name.isdigit() and len(name) < 19 else -1
