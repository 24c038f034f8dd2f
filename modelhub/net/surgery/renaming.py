"""Give nodes, their modules and the tensors below them other names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelhub.net.arguments import Argument, Ref, Weight, check_name
from modelhub.net.graph import Network, Node, Output, Tensor
from modelhub.net.surgery.draft import mapped_all, mapped_output
from modelhub.net.surgery.edited import SurgeryError

__all__ = ["Renamed", "renamed"]


class Renamed:
    """A network with other names, and for nodes and tensors the new name of each old one."""

    def __init__(
        self, network: Network, nodes: Mapping[str, str], tensors: Mapping[str, str]
    ) -> None:
        self.network = network
        self.nodes = nodes
        self.tensors = tensors


def renamed(network: Network, names: Mapping[str, str]) -> Renamed:
    """Return a network in which nodes, modules and tensors have other names, all at once.

    A name stands for the node, the tensor or the module of that name. What is below a module goes
    with it: its tensors, its modules, and the nodes below it.

    Raises:
        SurgeryError: a new name is none, or two things would have the same.
    """
    for new in names.values():
        try:
            check_name(new)
        except ValueError as error:
            raise SurgeryError(str(error)) from error
    # A node that is one of several of its module has a name of its own and nothing below it.
    modules = {node.module for node in network.nodes}
    single = {n.name for n in network.nodes if n.module != n.name and n.name not in modules}
    deep = {old: new for old, new in names.items() if old not in single}
    nodes = {node.name: names.get(node.name) or _moved(node.name, deep) for node in network.nodes}
    # The weight of a module that was not called (attention's `out_proj`) is below the node all the
    # same.
    tensors = {tensor.name: _moved(tensor.name, names) for tensor in network.tensors}
    _check_distinct([*network.inputs, *nodes.values()], "nodes")
    _check_distinct(list(tensors.values()), "tensors")

    def change(item: Argument) -> Argument:
        match item:
            case Ref(node, index):
                return Ref(nodes.get(node, node), index)
            case Weight(name):
                return Weight(tensors[name])
        return item

    def change_output(leaf: Output) -> Output:
        return change(leaf) if isinstance(leaf, Ref | Weight) else leaf  # type: ignore

    new_nodes = tuple(
        Node(
            nodes[node.name],
            op=node.op,
            module=_moved(node.module, deep) if node.module else "",
            arguments={key: mapped_all(a, change) for key, a in node.arguments.items()},
            values=node.values,
            counter=tensors[node.counter] if node.counter else "",
        )
        for node in network.nodes
    )
    new_tensors = tuple(
        replace(t, name=tensors[t.name], tied=tensors[t.tied] if t.tied else "")
        for t in network.tensors
    )
    _check_modules(new_nodes, new_tensors)
    outputs = mapped_output(network.outputs, change_output)
    return Renamed(Network(network.inputs, new_nodes, new_tensors, outputs), nodes, tensors)


def _moved(name: str, names: Mapping[str, str]) -> str:
    """Return a name with the longest beginning that has a new name replaced."""
    end = len(name)
    while end > 0:
        new = names.get(name[:end])
        if new is not None:
            return new + name[end:]
        end = name.rfind(".", 0, end)
    return name


def _check_distinct(names: list[str], what: str) -> None:
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise SurgeryError(f"two {what} would be called {name!r}")
        seen.add(name)


def _check_modules(nodes: tuple[Node, ...], tensors: tuple[Tensor, ...]) -> None:
    named = {tensor.name for tensor in tensors}
    for path in (*(node.module for node in nodes), *(t.name.rpartition(".")[0] for t in tensors)):
        end = len(path)
        while end > 0:
            if path[:end] in named:
                raise SurgeryError(f"{path[:end]!r} would be both a tensor and a module")
            end = path.rfind(".", 0, end)
