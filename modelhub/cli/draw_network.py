"""Turn networks into drawings: one alone, or two side by side in one layout.

Drawn are the inputs, the steps (what computes or reads a tensor) and what is returned; edges go
through nodes that only arrange values. Of two networks what the alignment matched stands at the
same place on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelhub.cli.view_network import attribute_lines, flops_text, kind_text, shape_text, value_text
from modelhub.dlv.architecture import Architecture
from modelhub.net.align import Alignment, Match
from modelhub.net.blocks import Block, drawn_edges, drawn_outputs, group, is_step
from modelhub.net.graph import Network, Node
from modelhub.report import human
from modelhub.report.graph import Box, Edge, Face, Graph, Step

__all__ = ["STEPS_MAX", "draw_one", "draw_two", "too_large_to_draw"]

# A drawing of more would take minutes in a browser; then the tables have to do.
STEPS_MAX = 6000
_OUTPUT = ""
# Begins the parts of module paths that only the right side has; no name begins so.
_ONLY_RIGHT = "+"
_FAMILIES = {
    "weights": "CONV CONV_TRANSPOSE FULL EMBED LSTM GRU RNN",
    "norm": "BN LN GN IN RMSNORM",
    "active": "RELU RELU6 GELU SILU SIGMOID TANH LEAKY_RELU ELU HARDSWISH SOFTPLUS MISH GLU SHRINK",
    "pool": "POOL UPSAMPLE",
    "attention": "ATTN MATMUL SOFTMAX",
}
_FAMILY = {kind: family for family, kinds in _FAMILIES.items() for kind in kinds.split()}
Strips = Mapping[str, int]


@dataclass(slots=True)
class _Spot:
    """A step of the drawing: the name of the node on each side, and the module it is put in."""

    names: tuple[str | None, ...]
    module: str = ""
    match: Match | None = None


class _Side:
    def __init__(self, found: Architecture) -> None:
        self.found = found
        self.nodes = {node.name: node for node in found.network.nodes}
        self.edges = [*drawn_edges(found.network)]
        self.edges += [(source, _OUTPUT) for source in drawn_outputs(found.network)]
        self.shapes = {tensor.name: tensor.shape for tensor in found.network.tensors}


def draw_one(found: Architecture, strips: Strips, heading: str = "") -> Graph:
    """Return the drawing of a network; nothing in it if it has no edges, or too many steps.

    Args:
        strips: The number of the strip of each tensor that has one.
    """
    side = _Side(found)
    steps = [node for node in found.network.nodes if is_step(node)]
    spots = [_Spot((name,)) for name in found.network.inputs]
    spots += [_Spot((node.name,), node.module) for node in steps]
    spots.append(_Spot((_OUTPUT,)))
    return _graph([side], spots, strips, ("",), heading)


def draw_two(
    left: Architecture,
    right: Architecture,
    alignment: Alignment,
    strips: Strips,
    titles: tuple[str, str],
    heading: str = "",
) -> Graph:
    """Return the drawing of two networks side by side; see `draw_one`."""
    sides = [_Side(left), _Side(right)]
    partner = dict(alignment.inputs)
    spots = [_Spot((name, partner.get(name))) for name in left.network.inputs]
    taken = set(partner.values())
    spots += [_Spot((None, name)) for name in right.network.inputs if name not in taken]
    modules = _modules(sides, alignment.matches)
    spots += _merged(sides, alignment, modules)
    spots.append(_Spot((_OUTPUT, _OUTPUT)))
    return _graph(sides, spots, strips, titles, heading, modules)


def _merged(
    sides: Sequence[_Side], alignment: Alignment, modules: Mapping[str, str]
) -> list[_Spot]:
    """Return the steps of both networks in an order that is topological for both."""
    # What only moved stands at two places.
    kept = {m.left: m for m in alignment.matches if not m.moved}
    back = {m.right: m for m in kept.values()}
    lefts, rights = (
        [n for n in side.found.network.nodes if _drawn(n, pairs.get(n.name), sides)]
        for side, pairs in zip(sides, (kept, back), strict=True)
    )
    moved = {m.left: m for m in alignment.matches if m.moved}
    moved_back = {m.right: m for m in moved.values()}
    spots: list[_Spot] = []
    place = 0
    for node in lefts:
        match = kept.get(node.name)
        if match is None:
            spots.append(_Spot((node.name, None), node.module, moved.get(node.name)))
            continue
        while rights[place].name != match.right:
            spots.append(_alone(rights[place], modules, moved_back))
            place += 1
        place += 1
        spots.append(_Spot((match.left, match.right), node.module, match))
    spots += [_alone(node, modules, moved_back) for node in rights[place:]]
    return spots


def _drawn(node: Node, match: Match | None, sides: Sequence[_Side]) -> bool:
    """Whether a node is drawn: of a pair it is enough that one side is a step."""
    if match is None:
        return is_step(node)
    return is_step(sides[0].nodes[match.left]) or is_step(sides[1].nodes[match.right])


def _alone(node: Node, modules: Mapping[str, str], moved: Mapping[str, Match]) -> _Spot:
    parts = node.module.split(".")
    for end in range(len(parts), 0, -1):
        there = modules.get(".".join(parts[:end]))
        if there is not None:
            break
    else:
        there, end = "", 0
    # A module of the left with the same path is another one.
    rest = [_ONLY_RIGHT + part for part in parts[end:] if part]
    module = ".".join([part for part in (there, *rest) if part])
    return _Spot((None, node.name), module, moved.get(node.name))


def _modules(sides: Sequence[_Side], matches: Iterable[Match]) -> dict[str, str]:
    """Return for modules of the right the module of the left that its first match is in."""
    found: dict[str, str] = {}
    for match in matches:
        if match.moved:
            continue
        left, right = sides[0].nodes[match.left].module, sides[1].nodes[match.right].module
        found.setdefault(right, left)
        a, b = left.split("."), right.split(".")
        # Modules above correspond while their names do.
        while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
            a, b = a[:-1], b[:-1]
            found.setdefault(".".join(b), ".".join(a))
    return found


def too_large_to_draw(network: Network) -> str:
    """Return why a network is not drawn."""
    return f"{len(network.nodes):,} nodes are too many to draw; the table lists them"


def _graph(
    sides: Sequence[_Side],
    spots: Sequence[_Spot],
    strips: Strips,
    titles: tuple[str, ...],
    heading: str,
    modules: Mapping[str, str] | None = None,
) -> Graph:
    empty = Graph(titles, Box(0, tuple(Face("") for _ in sides), ()), ())
    if len(spots) > STEPS_MAX or not all(side.found.network.executable for side in sides):
        return empty
    builder = _Builder(sides, spots, strips, modules or {})
    # Blocks are made of nodes; these stand for the spots, by number.
    numbers = [Node(str(number), module=spot.module) for number, spot in enumerate(spots)]
    root = builder.box(group(numbers))
    return Graph(titles, root, builder.edges(), heading)


class _Builder:
    """Makes steps, boxes and edges of spots."""

    def __init__(
        self,
        sides: Sequence[_Side],
        spots: Sequence[_Spot],
        strips: Strips,
        modules: Mapping[str, str],
    ) -> None:
        self._sides = sides
        self._spots = spots
        self._strips = strips
        self._boxes = 0
        # What a module of the left is called on the right.
        self._right = {left: right for right, left in reversed(list(modules.items()))}

    def _path(self, path: str, side: int) -> str:
        """Return the path of a box as its side has it."""
        found = self._right.get(path, path) if side else path
        return found.replace(_ONLY_RIGHT, "")

    def box(self, block: Block) -> Box:
        """Return the box of a block."""
        number = self._boxes
        self._boxes += 1
        children = tuple(
            self.box(child) if isinstance(child, Block) else self._step(child, block.path)
            for child in block.children
        )
        spots = [self._spots[int(node.name)] for node in block.nodes()]
        faces = tuple(self._box_face(block, spots, side) for side in range(len(self._sides)))
        return Box(number, faces, children)

    def _box_face(self, block: Block, spots: Sequence[_Spot], side: int) -> Face | None:
        found = self._sides[side].found
        names = [name for spot in spots if (name := spot.names[side])]
        if not names and block.path:
            return None
        costs = [found.costs.nodes[name] for name in names if name in found.costs.nodes]
        parameters = sum(cost.parameters for cost in costs)
        flops = sum(cost.flops or 0 for cost in costs)
        status = ""
        if len(self._sides) > 1 and all(spot.match is None for spot in spots):
            status = "removed" if side == 0 else "added"
        elif any(spot.match is None or spot.match.changes for spot in spots):
            status = "changed" if len(self._sides) > 1 else ""
        path = self._path(block.path, side)
        size = f"{human.count(parameters)} params  {human.count(flops)} FLOPs"
        facts = (
            path,
            human.plural(len(names), "layer"),
            f"parameters  {parameters:,}",
            f"FLOPs  {human.count(flops)}",
        )
        label = ".".join(path.split(".")[-len(block.label.split(".")) :])
        return Face(label, size, status, facts)

    def _step(self, node: Node, path: str) -> Step:
        number = int(node.name)
        spot = self._spots[number]
        faces = tuple(
            None if name is None else self._face(spot, side, name, self._path(path, side))
            for side, name in enumerate(spot.names)
        )
        strips: dict[int, None] = {}
        for side, name in zip(self._sides, spot.names, strict=True):
            there = side.nodes.get(name or "")
            for tensor in there.parameters if there else ():
                if tensor in self._strips:
                    strips[self._strips[tensor]] = None
        return Step(number, faces, tuple(strips))

    def _face(self, spot: _Spot, number: int, name: str, path: str) -> Face:
        side = self._sides[number]
        if name == _OUTPUT:
            return Face("output", "", "", ("what the network returns",), "end")
        node = side.nodes.get(name)
        if node is None:
            value = side.found.network.inputs[name]
            note = f"{value.dtype} {shape_text(value.shape)}"
            return Face(name, note, self._alone(spot, number), ("input", name, note), "end")
        status = self._alone(spot, number)
        if not status and spot.match is not None and spot.match.changes:
            status = "changed"
        elif not status and spot.match is not None and spot.match.renamed:
            status = "renamed"
        label = name[len(path) + 1 :] if path and name.startswith(f"{path}.") else name
        if path and name == path:
            label = name.rpartition(".")[2]
        shape = shape_text(node.values[0].shape) if node.values else ""
        facts = _facts(node, side, spot)
        return Face(
            label,
            f"{kind_text(node, side.found)}  {shape}",
            status,
            facts,
            _FAMILY.get(node.kind, ""),
        )

    def _alone(self, spot: _Spot, number: int) -> str:
        if len(spot.names) > 1 and None in spot.names:
            return "removed" if number == 0 else "added"
        return ""

    def edges(self) -> list[Edge]:
        """Return the edges of all sides, those that they share once."""
        found: dict[tuple[int, int], list[bool]] = {}
        for number, side in enumerate(self._sides):
            places = {
                name: place
                for place, spot in enumerate(self._spots)
                if (name := spot.names[number]) is not None
            }
            for source, target in side.edges:
                if source in places and target in places:
                    key = places[source], places[target]
                    found.setdefault(key, [False] * len(self._sides))[number] = True
        return [Edge(*key, tuple(there)) for key, there in sorted(found.items())]


def _facts(node: Node, side: _Side, spot: _Spot) -> tuple[str, ...]:
    cost = side.found.costs.nodes[node.name]
    lines = [node.name, f"kind  {node.kind}" + (f" ({node.op})" if node.op else "")]
    lines += attribute_lines(node, side.found)
    lines += [f"output  {value.dtype} {shape_text(value.shape)}" for value in node.values]
    lines += [f"{tensor}  {shape_text(side.shapes[tensor])}" for tensor in node.parameters]
    lines += [f"parameters  {cost.parameters:,}", f"FLOPs  {flops_text(cost.flops)}"]
    match = spot.match
    if match is not None:
        if match.renamed:
            lines.append(f"renamed: {match.left} -> {match.right}")
        if match.moved:
            lines.append("moved: it stands elsewhere in the order")
        lines += [f"changed: {k} {value_text(a)} -> {value_text(b)}" for k, a, b in match.changes]
    elif len(spot.names) > 1:
        lines.append("only on this side")
    return tuple(lines)
