"""Join the beginning of one network with the end of another."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import replace

from modelhub.net.arguments import Argument, Ref
from modelhub.net.graph import Network, Shape, Value
from modelhub.net.sizes import names_in
from modelhub.net.surgery.draft import Draft, mapped, mapped_output, prefixes
from modelhub.net.surgery.edited import SurgeryError
from modelhub.net.surgery.passes import shown
from modelhub.net.surgery.renaming import renamed
from modelhub.net.surgery.shapes import Shapes
from modelhub.net.surgery.sizes import numeric
from modelhub.net.surgery.slicing import Part, part

__all__ = ["stitch"]

_WORD = re.compile(r"[A-Za-z_]\w*")


def stitch(
    draft: Draft, shapes: Shapes, node: str, other: Network, reader: str, source: int
) -> None:
    """Do what `Surgeon.stitch` says; `source` is the number of the other network."""
    result = draft.main(draft.node(node))
    value = shapes.value(result)
    whole = Draft(other)
    found = part(whole, [reader], whole.outputs)
    if len(found.begins) != 1:
        raise SurgeryError(
            f"{reader} reads {len(found.begins)} values, {', '.join(found.begins)}, so it is not "
            f"clear which one {node} stands for"
        )
    (begin,) = found.begins
    lacking = [
        name for name, ref in found.inputs.items() if name != begin and ref.node not in whole.inputs
    ]
    if lacking:
        raise SurgeryError(
            f"from {reader} on, the other network also needs its {', '.join(lacking)}, which "
            "nothing here gives; begin further to the front or the back"
        )
    symbols = _bind(value, found.network.inputs[begin], node, reader)
    _prune(draft, result)
    taken = {above for name in (*draft.nodes, *draft.tensors) for above in prefixes(name)}
    names = _clashes(found, draft, taken)
    made = renamed(found.network, names)
    inputs = _share(draft, made.network, begin, symbols)
    _add(draft, made.network, {begin: result, **inputs}, symbols)
    for old, new in made.tensors.items():
        if draft.tensors[new].role != "constant":
            draft.kept[new] = (source, old)


def _bind(value: Value, reads: Value, node: str, reader: str) -> dict[str, str]:
    """Return what the other network's free sizes are here, if the shapes fit."""
    here, there = numeric(value.shape), numeric(reads.shape)
    fits = value.dtype == reads.dtype and len(here) == len(there)
    symbols: dict[str, str] = {}
    for one, other in zip(here, there, strict=False):
        if isinstance(other, str):
            symbols.setdefault(other, str(one))
        elif one != other:
            fits = False
    if not fits:
        raise SurgeryError(
            f"{node} gives {shown(value)} and {reader} reads {shown(reads)}, which do not fit"
        )
    return {name: size for name, size in symbols.items() if _WORD.fullmatch(name)}


def _prune(draft: Draft, result: Ref) -> None:
    """Take out all that a value does not need, and inputs that nothing reads then."""
    draft.outputs = result
    needed, stack = {result.node}, [result.node]
    while stack:
        current = draft.nodes.get(stack.pop())
        for name in current.inputs if current else ():
            if name not in needed:
                needed.add(name)
                stack.append(name)
    for name in reversed(list(draft.order)):
        if name not in needed:
            draft.remove([name])
    for name in [name for name in draft.inputs if name not in needed]:
        draft.remove_input(name)


def _clashes(found: Part, draft: Draft, taken: set[str]) -> dict[str, str]:
    """Return new names for what would have a name that is taken here."""
    network = found.network
    wanted: dict[str, None] = {}
    for tensor in network.tensors:
        if tensor.name in draft.tensors or tensor.name in taken:
            wanted[tensor.name.rpartition(".")[0] or tensor.name] = None
    for node in network.nodes:
        below = any(above in wanted for above in prefixes(node.name))
        if node.name in draft.nodes or node.name in draft.inputs:
            wanted.setdefault(node.name)
        elif not below and node.name in draft.tensors:
            wanted[node.name] = None
    own = {above for t in network.tensors for above in prefixes(t.name)}
    own |= {above for node in network.nodes for above in prefixes(node.name)}
    names: dict[str, str] = {}
    for name in wanted:
        number = 2
        while f"{name}_{number}" in taken or f"{name}_{number}" in own:
            number += 1
        names[name] = f"{name}_{number}"
        own.add(names[name])
    return names


def _share(draft: Draft, network: Network, begin: str, symbols: dict[str, str]) -> dict[str, Ref]:
    """Return what stands for the other inputs of the part; those that lack here are added."""
    others = {name: value for name, value in network.inputs.items() if name != begin}
    for name, value in others.items():
        mine = draft.inputs.get(name)
        for size, here in zip(value.shape, mine.shape if mine else (), strict=False):
            if isinstance(size, str) and _WORD.fullmatch(size):
                symbols.setdefault(size, str(here))
    used = {s for value in draft.inputs.values() for s in value.shape if isinstance(s, str)}
    sizes = [s for value in network.inputs.values() for s in value.shape if isinstance(s, str)]
    for word in dict.fromkeys(word for size in sizes for word in names_in(size)):
        if word not in symbols:
            symbols[word] = _unused("s", 0, used)
            used.add(symbols[word])
    found: dict[str, Ref] = {}
    for name, value in others.items():
        new, here_ = name, _here(value, symbols)
        if draft.inputs.get(name) != here_:
            if name in draft.inputs or name in draft.nodes:
                new = _unused(f"{name}_", 2, {*draft.inputs, *draft.nodes})
            draft.add_input(new, here_)
        found[name] = Ref(new)
    return found


def _unused(start: str, number: int, used: set[str]) -> str:
    return next(f"{start}{n}" for n in itertools.count(number) if f"{start}{n}" not in used)


def _add(
    draft: Draft, network: Network, stands_for: Mapping[str, Ref], symbols: Mapping[str, str]
) -> None:
    def change(ref: Ref) -> Argument:
        return stands_for.get(ref.node, ref)

    for tensor in network.tensors:
        draft.add_tensor(tensor)
    for node in network.nodes:
        arguments = {key: mapped(item, change) for key, item in node.arguments.items()}
        values = tuple(_here(value, symbols) for value in node.values)
        draft.put(replace(node, arguments=arguments, values=values), before="")
    draft.outputs = mapped_output(
        network.outputs,
        lambda leaf: stands_for.get(leaf.node, leaf) if isinstance(leaf, Ref) else leaf,
    )


def _here(value: Value, symbols: Mapping[str, str]) -> Value:
    """Return a value of the other network with the sizes of this one."""

    def word(match: re.Match[str]) -> str:
        new = symbols.get(match[0], match[0])
        return new if new.isalnum() or match[0] == match.string else f"({new})"

    shape: Shape = tuple(
        _WORD.sub(word, size) if isinstance(size, str) else size for size in value.shape
    )
    return Value(value.dtype, numeric(shape))
