"""Nodes that hang together, with one value that goes in and one that comes out.

Sizes, masks and positions that do not depend on what the network is given do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelhub.net.arguments import Ref
from modelhub.net.graph import leaves
from modelhub.net.kinds import AUX
from modelhub.net.surgery.draft import Draft
from modelhub.net.surgery.edited import SurgeryError

__all__ = ["Region", "region"]


@dataclass(frozen=True, slots=True)
class Region:
    """Nodes in the network's order, the value that they read, and the one read of them.

    `readers` are the nodes outside that read the result.
    """

    nodes: tuple[str, ...]
    reads: Ref
    result: Ref
    readers: tuple[str, ...]


def region(draft: Draft, names: Sequence[str]) -> Region:
    """Return the region of some nodes, and the views that lie between them.

    Raises:
        SurgeryError: they do not hang together, or more than one value goes in or out.
    """
    if not names:
        raise SurgeryError("no nodes are named")
    # Sizes and masks that are made among the nodes may be read by others too: they stay if so.
    inside = {name for name in names if draft.node(name) and draft.carries(name)}
    inside = {name for name in inside if not draft.is_aside(name)} or inside
    _take_in_views(draft, inside)
    reads: dict[Ref, str] = {}
    results: dict[Ref, None] = {}
    readers: dict[str, None] = {}
    for name in inside:
        for ref in draft.carried(draft.nodes[name]):
            if ref.node not in inside:
                reads.setdefault(ref, name)
        for reader in draft.readers(name):
            if reader not in inside:
                found = draft.reads(reader)
                results |= dict.fromkeys(ref for ref in found if ref.node == name)
                readers[reader] = None
    for leaf in leaves(draft.outputs):
        if isinstance(leaf, Ref) and leaf.node in inside:
            results[leaf] = None
    what = f"{names[0]}" if len(names) == 1 else f"{names[0]} to {names[-1]}"
    if len(reads) != 1:
        found_ = ", ".join(sorted(ref.node for ref in reads)) or "none"
        raise SurgeryError(
            f"{what} must read one value of the rest of the network; it reads {found_}"
        )
    if len(results) != 1:
        found_ = ", ".join(sorted(ref.node for ref in results)) or "none"
        raise SurgeryError(f"one value of {what} must be read by the rest; these are: {found_}")
    order = tuple(name for name in draft.order if name in inside)
    (read,), (result,) = reads, results
    if read.node in draft.nodes:
        places = {name: place for place, name in enumerate(draft.order)}
        if places[read.node] > places[result.node]:
            raise SurgeryError(f"what {what} reads depends on what it gives")
    return Region(order, read, result, tuple(readers))


def _take_in_views(draft: Draft, inside: set[str]) -> None:
    """Add the views that lie between the nodes: all that they are made of is inside."""
    for name in list(inside):
        stack = [ref.node for ref in draft.carried(draft.nodes[name]) if ref.node not in inside]
        chain: list[str] = []
        while stack:
            source = stack.pop()
            if source in inside:
                continue
            node = draft.nodes.get(source)
            if node is None or node.kind != AUX:
                chain.clear()
                break
            chain.append(source)
            stack.extend(ref.node for ref in draft.carried(node))
        inside.update(chain)
