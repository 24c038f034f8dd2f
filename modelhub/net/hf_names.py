"""Find how the tensor names of a model and those of its weights correspond.

Hugging Face files hold the names of the model itself, or of it without its base model's prefix
(`h.0.attn` for `transformer.h.0.attn`), or with one more. Old files call the weight and bias of a
layer norm `gamma` and `beta`. Where transformers has renamed the modules of a class, files keep the
names that they had first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelhub.errors import BadInputError
from modelhub.net import graph
from modelhub.net.arguments import Ref, Weight
from modelhub.net.graph import Group, Network, Output

__all__ = ["Rename", "choose", "renamed"]

Shapes = Mapping[str, tuple[int, ...]]

_OLD = {"weight": "gamma", "bias": "beta"}


@dataclass(frozen=True, slots=True)
class Rename:
    """How names change: a prefix to take off, one to put before, and single tensors."""

    take: str = ""
    put: str = ""
    single: Mapping[str, str] = field(default_factory=dict)

    def path(self, name: str) -> str:
        """Return the new path of a module."""
        if self.take and name.startswith(self.take):
            return name[len(self.take) :]
        return name if not self.put or name.startswith(self.put) else self.put + name

    def tensor(self, name: str) -> str:
        """Return the new name of a tensor."""
        return self.single.get(name) or self.path(name)


def choose(
    shapes: Shapes,
    ties: Mapping[str, str],
    tensors: Mapping[str, tuple[str, tuple[int, ...]]],
    prefix: str,
    converted: Mapping[str, str] | None = None,
) -> Rename:
    """Return how to rename a model's tensors for all of them to be among the weights.

    Args:
        shapes: The shapes of the model's tensors by name.
        ties: For each of them the first name of the same tensor; one of a tie is enough.
        tensors: Dtype and shape of the weights by name.
        prefix: What the base model is called inside the model, such as `bert`.
        converted: Names of weights by those of the model, as a library that has renamed its modules
            since knows them; tried last.

    Raises:
        BadInputError: a tensor of the model is not among the weights, or has another shape.
    """
    start = f"{prefix}." if prefix else ""
    best, closest = -1, ""
    plain = (Rename(), Rename(take=start), Rename(put=start))
    for rename in (*plain, Rename(single=converted or {})):
        single = dict(rename.single)
        for name in shapes.keys() - single.keys():
            new = rename.path(name)
            module, _, leaf = new.rpartition(".")
            old = f"{module}.{_OLD.get(leaf, leaf)}"
            if new not in tensors and old in tensors:
                single[name] = old
        found = replace(rename, single=single)
        reason = _reason(found, shapes, ties, tensors)
        if not reason:
            return found
        count = sum(found.tensor(name) in tensors for name in shapes)
        if count > best:
            best, closest = count, reason
    raise BadInputError(f"the weights are not the model's: {closest}")


def _reason(
    rename: Rename,
    shapes: Shapes,
    ties: Mapping[str, str],
    tensors: Mapping[str, tuple[str, tuple[int, ...]]],
) -> str:
    groups: dict[str, list[str]] = {}
    for name in shapes:
        groups.setdefault(ties[name], []).append(name)
    for first, group in groups.items():
        there = [name for name in group if rename.tensor(name) in tensors]
        if not there:
            return f"there is no tensor {rename.tensor(first)}"
        for name in there:
            found = tensors[rename.tensor(name)][1]
            if found != shapes[name]:
                return (
                    f"{rename.tensor(name)} has the shape {list(found)}, not {list(shapes[name])}"
                )
    return ""


def renamed(network: Network, rename: Rename) -> Network:
    """Return a network with other tensor names; modules and nodes follow where no name clashes."""
    if rename == Rename():
        return network
    tensors = {
        tensor.name: tensor.name if tensor.role == "constant" else rename.tensor(tensor.name)
        for tensor in network.tensors
    }
    nodes = {node.name: rename.path(node.name) for node in network.nodes}
    moved = _with_names(network, tensors, nodes, rename)
    try:
        graph.check(moved)
    except ValueError:
        return _with_names(network, tensors, {}, Rename())
    return moved


def _with_names(
    network: Network, tensors: Mapping[str, str], nodes: Mapping[str, str], rename: Rename
) -> Network:
    return replace(
        network,
        tensors=tuple(
            replace(tensor, name=tensors[tensor.name], tied=tensors.get(tensor.tied, ""))
            for tensor in network.tensors
        ),
        nodes=tuple(
            replace(
                node,
                name=nodes.get(node.name, node.name),
                module=rename.path(node.module),
                arguments={key: _renamed(a, tensors, nodes) for key, a in node.arguments.items()},
                counter=tensors.get(node.counter, ""),
            )
            for node in network.nodes
        ),
        outputs=_output(network.outputs, tensors, nodes),
    )


def _renamed(argument: Any, tensors: Mapping[str, str], nodes: Mapping[str, str]) -> Any:
    match argument:
        case tuple():
            return tuple(_renamed(item, tensors, nodes) for item in argument)
        case Ref(node, index):
            return Ref(nodes.get(node, node), index)
        case Weight(name):
            return Weight(tensors[name])
    return argument


def _output(output: Output, tensors: Mapping[str, str], nodes: Mapping[str, str]) -> Output:
    if isinstance(output, Group):
        return replace(output, items=tuple(_output(i, tensors, nodes) for i in output.items))
    renamed: Output = _renamed(output, tensors, nodes)
    return renamed
