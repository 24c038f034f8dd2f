"""Lay out the architecture of a version: a table of its layers, or JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelhub.dlv.architecture import Architecture
from modelhub.net.arguments import Argument, Constant, Device, Training, TrainOnly
from modelhub.net.arguments import to_json as argument_to_json
from modelhub.net.blocks import Row, is_step, rows
from modelhub.net.graph import Group, Network, Node, Shape, Value, leaves
from modelhub.net.ops import find
from modelhub.report import human
from modelhub.report.page import Column, Facts, Folded, Grid

__all__ = [
    "attribute_lines",
    "flops_text",
    "flops_total",
    "kind_text",
    "network_document",
    "network_facts",
    "network_grid",
    "nodes_folded",
    "shape_text",
    "value_text",
]

# Rows of the table unless all are asked for: it fits on a screen with what stands around it.
_ROWS = 24
# Arguments that change nothing of what a node computes.
_HIDDEN = frozenset({"cudnn_enabled", "cudnn_enable", "memory_format", "device", "layout"})


def network_document(found: Architecture) -> dict[str, Any]:
    """Return the nodes, edges and costs for JSON."""
    network, costs = found.network, found.costs
    return {
        "executable": network.executable,
        "inputs": [_value(name, value) for name, value in network.inputs.items()],
        "outputs": [
            argument_to_json(leaf)
            for leaf in leaves(network.outputs)
            if not isinstance(leaf, Group)
        ],
        "nodes": [_node(node, found) for node in network.nodes],
        "edges": network.edges if network.executable else None,
        "parameters": costs.parameters,
        "flops": costs.flops,
        "flops_not_counted": costs.not_counted,
        "sizes": costs.sizes,
    }


def _value(name: str, value: Value) -> dict[str, Any]:
    return {"name": name, "dtype": value.dtype, "shape": value.shape}


def _node(node: Node, found: Architecture) -> dict[str, Any]:
    cost = found.costs.nodes[node.name]
    return {
        "name": node.name,
        "kind": node.kind,
        "op": node.op or None,
        "module": node.module,
        "attributes": found.attributes[node.name],
        "arguments": {k: argument_to_json(v) for k, v in node.attributes.items()},
        "inputs": node.inputs if found.network.executable else None,
        "tensors": node.parameters,
        "values": [{"dtype": v.dtype, "shape": v.shape} for v in node.values],
        "parameters": cost.parameters,
        "flops": cost.flops,
    }


def network_facts(found: Architecture) -> Facts:
    """Return inputs, outputs and totals; nothing for a network without edges."""
    network, costs = found.network, found.costs
    if not network.executable:
        return Facts(())
    values = {node.name: node.values for node in network.nodes}
    values |= {name: (value,) for name, value in network.inputs.items()}
    outputs = []
    for leaf in leaves(network.outputs):
        name, index = getattr(leaf, "node", ""), getattr(leaf, "index", None) or 0
        if name and index < len(values[name]):
            outputs.append(f"{name} {_typed(values[name][index])}")
    aux = sum(not is_step(node) for node in network.nodes)
    steps = human.plural(len(network.nodes) - aux, "layer")
    return Facts(
        (
            ("inputs", ", ".join(f"{n} {_typed(v)}" for n, v in network.inputs.items())),
            ("outputs", ", ".join(outputs)),
            ("nodes", f"{steps}, and {aux} that only arrange values" if aux else steps),
            ("parameters", human.count(costs.parameters)),
            ("FLOPs", flops_total(found)),
        ),
        "architecture",
    )


def flops_total(found: Architecture) -> str:
    """Return the FLOPs of a run, for which sizes, and which ops were not counted."""
    costs = found.costs
    if costs.flops is None:
        return ""
    free = found.free
    sizes = ", ".join(
        f"{name} = {size} ({free[name]})" for name, size in costs.sizes.items() if name in free
    )
    text = f"{human.count(costs.flops)} for one run"
    text += f" with {sizes}" if sizes else ""
    text += "; a multiply-add counts 2"
    if costs.not_counted:
        ops = ", ".join(f"{many} {_op_word(op)}" for op, many in costs.not_counted.items())
        text += f"; not counted: {ops}"
    return text


def _op_word(op: str) -> str:
    return op.split(".")[1] if op.count(".") else op


def _typed(value: Value) -> str:
    return f"{value.dtype} {shape_text(value.shape)}"


def shape_text(shape: Shape) -> str:
    """Return a shape such as `s0x3x8x8`."""
    return "x".join(map(str, shape)) or "scalar"


def kind_text(node: Node, found: Architecture) -> str:
    """Return the kind with mode and kernel, or the op where the kind says little."""
    if node.kind in ("OTHER", "AUX", "FUNC", "REDUCE"):
        return _op_word(node.op) or node.kind
    kernel = found.attributes[node.name].get("kernel")
    size = value_text(kernel) if isinstance(kernel, tuple) and kernel else ""
    return " ".join(part for part in (node.kind, node.mode, size) if part)


def flops_text(flops: int | None) -> str:
    """Return a number of FLOPs; `?` where it was not counted."""
    return "?" if flops is None else human.count(flops)


def attribute_lines(node: Node, found: Architecture) -> list[str]:
    """Return attributes such as `stride 2x2`; of an op without any, what is not at its default."""
    known = found.attributes[node.name]
    if known:
        return [f"{name} {value_text(value)}" for name, value in known.items()]
    if not node.op:
        return []
    defaults = {p.name: p.default for p in find(node.op).parameters if not p.required}
    return [
        f"{name} {value_text(value)}"
        for name, value in node.attributes.items()
        if name not in _HIDDEN and not (name in defaults and defaults[name] == value)
    ]


def value_text(value: Argument | Any) -> str:
    """Return an attribute as people write it."""
    match value:
        case None:
            return "none"
        case Training():
            return "in train mode"
        case TrainOnly(share):
            return f"{share} in train mode"
        case Constant():
            return value.value
        case Device():
            return "of the input"
        case tuple() | list():
            return "x".join(map(value_text, value)) or "empty"
        case {"mode": "training"}:
            return "in train mode"
        case {"train_only": share}:
            return f"{share} in train mode"
        case dict() if len(value) == 1:
            return str(next(iter(value.values())))
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def network_grid(found: Architecture, *, full: bool) -> Grid:
    """Return the table of layers; unless `full`, deep blocks and what arranges are left out."""
    network = found.network
    if not network.executable:
        return Grid((), ())
    lines = rows(network, aux=full)
    shown, note = list(lines), ""
    if not full:
        for depth in range(max((line.depth for line in lines), default=0), 0, -1):
            if len(shown) <= _ROWS:
                break
            shown = [line for line in shown if line.depth < depth]
        if len(shown) > _ROWS:
            note = f"and {len(shown) - _ROWS} more: --full"
            shown = shown[:_ROWS]
        elif len(shown) < len(lines):
            note = "deeper blocks left out: --full"
    if any(line.repeat > 1 for line in shown):
        alike = "of equal blocks one is shown, its counts are those of all"
        note = f"{alike}; {note}" if note else alike
    columns = (
        Column("layer", strong=True, flexible=not full),
        Column("kind", priority=1),
        Column("output", priority=2),
        Column("parameters", right=True),
        Column("FLOPs", right=True),
    )
    cells = [_cells(line, found) for line in shown]
    dim = frozenset(i for i, line in enumerate(shown) if line.node and not is_step(line.node))
    return Grid(columns, cells, "layers", note, dim)


def _cells(line: Row, found: Architecture) -> tuple[str, ...]:
    name = "  " * line.depth + line.label + (f"  x{line.repeat}" if line.repeat > 1 else "")
    costs = [found.costs.nodes[node.name] for node in line.nodes]
    parameters = _own_parameters(line.nodes, found.network)
    flops = sum(cost.flops or 0 for cost in costs)
    last = line.node or line.nodes[-1]
    kind = kind_text(line.node, found) if line.node else ""
    output = shape_text(last.values[0].shape) if line.node and last.values else ""
    unknown = bool(costs) and all(cost.flops is None for cost in costs)
    return (
        name,
        kind,
        output,
        human.count(parameters) if parameters else "",
        "?" if unknown else human.count(flops) if flops else "",
    )


def _own_parameters(nodes: Iterable[Node], network: Network) -> int:
    names = {name for node in nodes for name in node.parameters}
    return sum(
        math.prod(tensor.shape)
        for tensor in network.tensors
        if tensor.name in names and tensor.role in ("parameter", "frozen")
    )


def nodes_folded(found: Architecture) -> Folded:
    """Return the table of all nodes with everything that is known of them, folded away."""
    columns: Sequence[Column] = (
        Column("node", strong=True),
        Column("kind"),
        Column("reads"),
        Column("attributes", flexible=True),
        Column("output"),
        Column("tensors", flexible=True),
        Column("parameters", right=True),
        Column("FLOPs", right=True),
    )
    shapes: Mapping[str, tuple[int, ...]] = {t.name: t.shape for t in found.network.tensors}
    cells = []
    for node in found.network.nodes:
        cost = found.costs.nodes[node.name]
        cells.append(
            (
                node.name,
                kind_text(node, found),
                ", ".join(node.inputs),
                ", ".join(attribute_lines(node, found)),
                ", ".join(shape_text(value.shape) for value in node.values),
                ", ".join(f"{name} {shape_text(shapes[name])}" for name in node.parameters),
                human.count(cost.parameters) if cost.parameters else "",
                flops_text(cost.flops) if found.network.executable else "",
            )
        )
    return Folded(f"all {len(cells)} nodes", Grid(columns, cells))
