"""Lay out how networks differ: totals, and the layers that differ, one column per version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelhub.cli.view_network import flops_text, kind_text, shape_text, value_text
from modelhub.dlv.architecture import Architecture
from modelhub.dlv.diff import Diff, Version
from modelhub.net.align import Alignment, Match
from modelhub.net.blocks import Block, blocks, is_step
from modelhub.net.graph import Network, Node
from modelhub.report import human
from modelhub.report.page import Block as PageBlock
from modelhub.report.page import Column, Grid, Lines

__all__ = ["structure_blocks", "structure_document"]

# Rows of the table of layers unless all are asked for.
_ROWS = 20


def structure_document(found: Alignment, edges_known: bool) -> dict[str, Any]:
    """Return an alignment for JSON; edges are None where they are not known."""
    return {
        "edges_known": edges_known,
        "same": found.same,
        "equal": sum(not match.changes for match in found.matches),
        "changed": [
            {
                "left": match.left,
                "right": match.right,
                "changes": [{"what": k, "left": a, "right": b} for k, a, b in match.changes],
            }
            for match in found.changed
        ],
        "renamed": [{"left": match.left, "right": match.right} for match in found.renamed],
        "moved": [{"left": m.left, "right": m.right} for m in found.matches if m.moved],
        "added": found.added,
        "removed": found.removed,
        "edges_added": found.edges_added if edges_known else None,
        "edges_removed": found.edges_removed if edges_known else None,
    }


def structure_blocks(result: Diff, *, full: bool) -> list[PageBlock]:
    """Return what is said of the networks; nothing where no version has layers."""
    versions = result.versions
    networks = [version.architecture.network for version in versions]
    if not any(network.nodes for network in networks):
        return []
    known = all(network.executable for network in networks)
    alignments = [comparison.alignment for comparison in result.comparisons]
    # Of weights alone the tables of tensors tell all, unless layers have come or gone.
    if not known and all(alignment.same for alignment in alignments):
        return []
    found: list[PageBlock] = [_totals(versions, alignments, known)]
    if not all(alignment.same for alignment in alignments):
        found += [_layers(versions, alignments, full), _renames(versions, alignments, full)]
    return found


def _totals(versions: Sequence[Version], alignments: Sequence[Alignment], known: bool) -> Grid:
    networks = [version.architecture.network for version in versions]
    costs = [version.architecture.costs for version in versions]
    rows = [
        ("layers", *(str(sum(map(is_step, network.nodes))) for network in networks)),
        ("parameters", *(human.count(cost.parameters) for cost in costs)),
    ]
    if known:
        rows.append(("FLOPs", *(flops_text(cost.flops) for cost in costs)))
    counts = [
        _counts(networks[0], network, alignment)
        for network, alignment in zip(networks[1:], alignments, strict=True)
    ]
    for title in ("equal", "~ changed", "+ added", "- removed", "= renamed", "moved"):
        numbers = [count[title] for count in counts]
        if any(numbers) or title == "equal":
            rows.append((title, "", *map(str, numbers)))
    edges = [f"+{len(a.edges_added)} -{len(a.edges_removed)}" for a in alignments]
    if known and any(a.edges_added or a.edges_removed for a in alignments):
        rows.append(("edges", "", *edges))
    columns = (Column("", strong=True), *(Column(v.rev, right=True) for v in versions))
    note = "" if known else "not all networks are known: layers are compared without their edges"
    return Grid(columns, rows, "structure", note)


def _counts(left: Network, right: Network, alignment: Alignment) -> Counter[str]:
    """Count what became of the layers, without what only arranges values."""
    counts: Counter[str] = Counter()
    before = {node.name for node in left.nodes if is_step(node)}
    after = {node.name for node in right.nodes if is_step(node)}
    for match in alignment.matches:
        if match.left in before or match.right in after:
            counts["~ changed" if match.changes else "equal"] += 1
            counts["= renamed"] += match.renamed
            counts["moved"] += match.moved
    counts["+ added"] = sum(name in after for name in alignment.added)
    counts["- removed"] = sum(name in before for name in alignment.removed)
    return counts


def _layers(versions: Sequence[Version], alignments: Sequence[Alignment], full: bool) -> Grid:
    """Return the layers that differ: of the first version, then those that others added.

    A block that is new, or gone, as a whole is one row.
    """
    there = versions[0].architecture
    first = there.network
    matches = [{match.left: match for match in alignment.matches} for alignment in alignments]
    rows: list[tuple[str, ...]] = []
    for name, nodes in _units(first, [set(alignment.removed) for alignment in alignments]):
        cells = [_left_cell(nodes, found) for found in matches]
        if any(cells) and (full or any(map(is_step, nodes))):
            signs = "".join(dict.fromkeys(cell[0] for cell in cells if cell))
            shown = [cell[2:] if cell else "equal" for cell in cells]
            rows.append((signs, name, _what(nodes, there), *shown))
    for index, (version, alignment) in enumerate(zip(versions[1:], alignments, strict=True)):
        there = version.architecture
        network = there.network
        added = set(alignment.added)
        for name, nodes in _units(network, [added]):
            if nodes[0].name in added and (full or any(map(is_step, nodes))):
                cells = [
                    "" if at != index else _what(nodes, there) for at in range(len(alignments))
                ]
                rows.append(("+", name, "", *cells))
    note = ""
    if not full and len(rows) > _ROWS:
        note, rows = f"and {len(rows) - _ROWS} more: --full", rows[:_ROWS]
    columns = (
        Column("", strong=True),
        Column("layer", strong=True),
        *(Column(version.rev, flexible=not full) for version in versions),
    )
    return Grid(columns, rows, "layers that differ", note)


def _units(network: Network, alone: Sequence[set[str]]) -> Iterator[tuple[str, list[Node]]]:
    """Yield nodes by name, and blocks that are alone as a whole in the same versions as one."""

    def state(node: Node) -> tuple[bool, ...]:
        return tuple(node.name in names for names in alone)

    def walk(block: Block) -> Iterator[tuple[str, list[Node]]]:
        for child in block.children:
            if isinstance(child, Node):
                yield child.name, [child]
                continue
            nodes = list(child.nodes())
            states = {state(node) for node in nodes}
            if len(states) == 1 and any(state(nodes[0])):
                yield child.path, nodes
            else:
                yield from walk(child)

    yield from walk(blocks(network))


def _what(nodes: Sequence[Node], found: Architecture) -> str:
    if len(nodes) > 1:
        return human.plural(sum(map(is_step, nodes)), "layer")
    node = nodes[0]
    shape = shape_text(node.values[0].shape) if node.values else ""
    return f"{kind_text(node, found)} {shape}".rstrip()


def _left_cell(nodes: Sequence[Node], matches: Mapping[str, Match]) -> str:
    """Return a sign and what became of a unit in one version; empty if it is equal."""
    match = matches.get(nodes[0].name)
    if match is None:
        return "- removed"
    parts = [f"{what} {value_text(a)} -> {value_text(b)}" for what, a, b in match.changes]
    if match.moved:
        parts.append("moved")
    return f"~ {'; '.join(parts)}" if parts else ""


def _renames(versions: Sequence[Version], alignments: Sequence[Alignment], full: bool) -> Lines:
    """Return how names changed, those that changed alike together."""
    lines = []
    for version, alignment in zip(versions[1:], alignments, strict=True):
        network = version.architecture.network
        steps = {node.name for node in network.nodes if is_step(node)}
        groups: Counter[tuple[str, str]] = Counter(
            _renamed(match) for match in alignment.renamed if full or match.right in steps
        )
        where = f"{version.rev}: " if len(alignments) > 1 else ""
        for (left, right), many in groups.items():
            layers = f"  ({human.plural(many, 'layer')})" if many > 1 else ""
            lines.append(f"{where}{left} -> {right}{layers}")
    if not full and len(lines) > _ROWS:
        lines = [*lines[:_ROWS], f"and {len(lines) - _ROWS} more: --full"]
    return Lines(lines, "renamed")


def _renamed(match: Match) -> tuple[str, str]:
    """Return both names without the parts at their ends that are equal."""
    left, right = match.left.split("."), match.right.split(".")
    cut = 0
    while cut < min(len(left), len(right)) and left[-1 - cut] == right[-1 - cut]:
        cut += 1
    mark = ["*"] if cut else []
    return ".".join([*left[: len(left) - cut], *mark]), ".".join(
        [*right[: len(right) - cut], *mark]
    )
