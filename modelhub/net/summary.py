"""Shorten a module tree to a page: equal numbered siblings become one line.

A *line* stands for one module or one parameter, or for `repeat` equal modules `layer.0..5`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelhub.net.tree import Module, ModuleTree, Parameter, module_number

__all__ = ["Line", "summarise"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a summary; counts are those of all `repeat` modules together."""

    depth: int
    name: str
    repeat: int
    tensors: int
    values: int
    dtype: str = ""
    shape: tuple[int, ...] | None = None

    @property
    def is_parameter(self) -> bool:
        """Whether the line is a parameter rather than a module."""
        return self.shape is not None


def summarise(tree: ModuleTree) -> list[Line]:
    """Return the lines of the tree, parents before children.

    Modules that only hold one module are joined with it (`encoder.layer`), and runs of equal
    numbered siblings are collapsed.
    """
    return list(_lines(tree.root, 0))


def _lines(module: Module, depth: int) -> Iterator[Line]:
    for parameter in module.parameters:
        yield Line(depth, parameter.name, 1, 1, parameter.count, parameter.dtype, parameter.shape)
    children = module.modules
    begin = 0
    while begin < len(children):
        end = _run_end(children, begin)
        child = children[begin]
        repeat = end - begin
        name = f"{child.name}..{children[end - 1].name}" if repeat > 1 else child.name
        yield from _module_lines(name, child, repeat, depth)
        begin = end


def _module_lines(name: str, module: Module, repeat: int, depth: int) -> Iterator[Line]:
    tensors, values = module.tensor_count * repeat, module.value_count * repeat
    # `0..5.attention` would read as if only 5 had it, so a collapsed run is never joined.
    while repeat == 1 and not module.parameters and len(module.modules) == 1:
        module = module.modules[0]
        name = f"{name}.{module.name}"
    yield Line(depth, name, repeat, tensors, values)
    yield from _lines(module, depth + 1)


def _run_end(children: tuple[Module, ...], begin: int) -> int:
    first = children[begin]
    if module_number(first) < 0:
        return begin + 1
    structure = _structure(first)
    end = begin + 1
    while end < len(children):
        follows = module_number(children[end]) == module_number(first) + end - begin
        if not follows or _structure(children[end]) != structure:
            break
        end += 1
    return end


def _structure(module: Module) -> tuple[object, ...]:
    parameters: tuple[Parameter, ...] = module.parameters
    return (parameters, tuple((child.name, _structure(child)) for child in module.modules))
