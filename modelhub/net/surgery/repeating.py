"""Have nodes that hang together several times, one behind the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelhub.net.arguments import Argument, Ref, Weight
from modelhub.net.graph import Node
from modelhub.net.surgery.draft import Draft, mapped_all, used
from modelhub.net.surgery.edited import SurgeryError
from modelhub.net.surgery.joining import same_form
from modelhub.net.surgery.names import Copies, free
from modelhub.net.surgery.passes import shown
from modelhub.net.surgery.regions import Region, region
from modelhub.net.surgery.shapes import Shapes

__all__ = ["repeat"]

# So many nodes would be a slip of the keyboard; graph.NODES_MAX bounds what can be kept anyway.
_TIMES_MAX = 1000


def repeat(draft: Draft, shapes: Shapes, names: Sequence[str], times: int) -> None:
    """Put copies of nodes behind them, so that they are there `times` times.

    If all the nodes are below one module `P`, the copies are below `P_2`, `P_3`, ...; otherwise
    each node `NAME` has copies `NAME_2`, `NAME_3`, ... A number that is taken is passed over.
    Tensors are copied with them: they begin with the same values and are tensors of their own.

    Raises:
        SurgeryError: the nodes do not hang together, or give another form than they read.
    """
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= _TIMES_MAX:
        raise SurgeryError(
            f"repeated {str(times)[:40]} times; expected a number from 1 to {_TIMES_MAX}"
        )
    found = region(draft, names)
    before, after = shapes.value(found.reads), shapes.value(found.result)
    if not same_form(before, after):
        raise SurgeryError(
            f"a copy could not read what {found.result.node} gives: {shown(after)}, where "
            f"{shown(before)} is read"
        )
    place = draft.order.following(found.result.node)
    reads = found.result
    returned = draft.is_output(found.result.node)
    names_ = Copies(draft)
    for _ in range(times - 1):
        reads = _copy(draft, found, reads, place, names_)
    if reads != found.result:
        draft.redirect(found.result, reads, found.readers)
        if returned:
            draft.redirect_outputs(found.result, reads)


def _copy(draft: Draft, found: Region, reads: Ref, place: str, names: Copies) -> Ref:
    common = _common(found.nodes)
    if common:
        new_common = names.next(common)
        new = {name: new_common + name[len(common) :] for name in found.nodes}
    else:
        new_common = ""
        new = {name: names.next(name) for name in found.nodes}
    nodes = [draft.nodes[name] for name in found.nodes]
    tensors = _copy_tensors(draft, nodes, new, common, new_common)

    def change(item: Argument) -> Argument:
        match item:
            case Ref() if item == found.reads:
                return reads
            case Ref(node, index):
                return Ref(new.get(node, node), index)
            case Weight(name):
                return Weight(tensors.get(name, name))
        return item

    for node in nodes:
        copy = replace(
            node,
            name=new[node.name],
            module=_module(node, new, common, new_common),
            arguments={key: mapped_all(a, change) for key, a in node.arguments.items()},
            counter=tensors.get(node.counter, node.counter),
        )
        draft.put(copy, before=place)
    return Ref(new[found.result.node], found.result.index)


def _copy_tensors(
    draft: Draft, nodes: Sequence[Node], new: Mapping[str, str], common: str, new_common: str
) -> dict[str, str]:
    """Copy what nodes read but for constants; return the new names by the old ones."""
    owner: dict[str, str] = {}
    for node in nodes:
        for name in used(node):
            if draft.tensors[name].role != "constant":
                owner.setdefault(name, node.name)
    names: dict[str, str] = {}
    for name in [name for name in draft.tensors if name in owner]:
        below = f"{common}." if common else f"{owner[name]}."
        above = new_common or new[owner[name]]
        if name.startswith(below):
            copy = f"{above}.{name[len(below) :]}"
        else:
            copy = f"{new[owner[name]]}.{name.rpartition('.')[2]}"
        copy = free(draft, copy)
        names[name] = copy
        tensor = draft.tensors[name]
        draft.add_tensor(
            replace(tensor, name=copy, tied=names.get(tensor.tied, "")),
            kept=draft.kept.get(name),
            fresh=draft.fresh.get(name),
        )
    return names


def _common(names: Sequence[str]) -> str:
    """Return the longest module that all names are, or are below."""
    parts = [name.split(".") for name in names]
    shortest = min(map(len, parts))
    end = 0
    while end < shortest and len({tuple(each[: end + 1]) for each in parts}) == 1:
        end += 1
    return ".".join(parts[0][:end])


def _module(node: Node, new: Mapping[str, str], common: str, new_common: str) -> str:
    if common and (node.module == common or node.module.startswith(f"{common}.")):
        return new_common + node.module[len(common) :]
    return new[node.name] if node.module == node.name else node.module
