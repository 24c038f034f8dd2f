"""Import a network from an ONNX file.

torch and onnx are imported on the first call, so that this module can be imported without them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from keyword import iskeyword
from pathlib import Path
from typing import Any

from modelhub.errors import BadInputError
from modelhub.net import graph as graphs
from modelhub.net.arguments import Argument, Ref, Weight, weights
from modelhub.net.clean_names import Unique, clean, clean_names
from modelhub.net.graph import Group, Network, Node, Output, leaves
from modelhub.net.kinds import AUX
from modelhub.optional import require

__all__ = ["from_onnx"]

# Sizes to try where the file leaves them free: only to trace with, the network keeps them free.
_BATCH, _LENGTH, _SIDE = 2, 8, 64
# Of an input to trace with: a batch of 300 images of a megapixel. The zeros take no real memory.
_VALUES_MAX = 1 << 30


def from_onnx(source: str | Path | bytes, *, sizes: Mapping[str, int] | None = None) -> Network:
    """Return the network of an ONNX model.

    Nodes have the names of the file's, tensors those of its initializers, both made clean by the
    rules of `modelhub.net.clean_names`; `build` finds the weights under either name. A node that
    takes several ops gives its name to the main one. Batch norm and dropout follow the mode of the
    module, as in torch, so the network can be trained.

    Args:
        source: The file, or its bytes.
        sizes: A size to trace with, by the name that the file gives to a free size.

    Raises:
        BadInputError: it is no ONNX model, or has operators, attributes or computed shapes that a
            network cannot hold; the text names all the unknown operators.
        ModelHubError: kind `missing_extra`, onnx or torch is not installed.
    """
    require("torch", "onnx")
    reader = require("modelhub.net.onnx_graph", "onnx")
    modules = require("modelhub.net.onnx_module", "onnx")
    tracing = require("modelhub.net.tracing", "onnx")
    where = "" if isinstance(source, bytes) else str(source)
    graph = reader.read(source if isinstance(source, bytes) else Path(source))
    modules.check_ops(graph)
    stored = graph.stored
    tensors = clean_names(name for name, one in stored.items() if one.in_weights)
    constants = clean_names(
        (name for name, one in stored.items() if not one.in_weights), tensors.values()
    )
    steps = _steps(graph, {*tensors.values(), *constants.values()})
    inputs = _input_names(graph)
    module = modules.OnnxModule(graph, tensors, constants, steps, inputs)
    examples, dynamic = _examples(graph, inputs, sizes or {})
    try:
        # The module is what the network was made from, so to compare the two would tell nothing.
        network: Network = tracing.trace(module, (), examples, dynamic, False)
    except BadInputError as error:
        # A refusal of ours inside of the trace says more than the trace that it ended.
        own = error.__cause__
        if isinstance(own, BadInputError):
            raise own from error
        first = next(iter(str(own or error).strip().splitlines()), "")
        raise BadInputError(
            f"its shapes do not go together, or depend on values ({first[:200]})",
            where=where,
            hint="commit the file for its weights alone, or give sizes= that fit its free sizes",
        ) from error
    network = _tidied(network, steps)
    try:
        graphs.check(network)
    except ValueError as error:
        raise BadInputError(f"it cannot be kept as a network: {error}", where=where) from error
    return network


def _steps(graph: Any, tensors: set[str]) -> list[str]:
    """Return a path for each node: its clean name, unique, neither a tensor nor below one."""
    unique = Unique(tensors)
    steps = []
    for node in graph.nodes:
        start = clean(node.name.lstrip("/"))
        parts = start.split(".")
        if any(".".join(parts[:end]) in tensors for end in range(1, len(parts) + 1)):
            start = start.replace(".", "_") + "_node"
        steps.append(unique.name(start))
    return steps


def _input_names(graph: Any) -> dict[str, str]:
    unique = Unique(())
    found: dict[str, str] = {}
    for one in graph.inputs:
        # torch.export makes the names of inputs lower case, and words of Python cannot be any.
        start = re.sub(r"\W", "_", one.name, flags=re.ASCII).lower().lstrip("_") or "input"
        start = f"x{start}" if start[0].isdigit() or iskeyword(start) else start
        found[one.name] = unique.name(start)
    return found


def _examples(
    graph: Any, names: Mapping[str, str], sizes: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    torch = require("torch", "onnx")
    calls = require("modelhub.net.onnx_ops.call", "onnx")
    examples, dynamic = {}, {}
    chosen = dict(sizes)
    for one in graph.inputs:
        dtype = calls.dtype_of(one.dtype)
        shape = []
        for place, size in enumerate(one.sizes):
            if not isinstance(size, int):
                usual = _LENGTH if len(one.sizes) < 4 else _SIDE
                size = chosen.setdefault(size or f"{one.name}.{place}", usual if place else _BATCH)
            shape.append(size)
        if math.prod(shape) > _VALUES_MAX or len(shape) > graphs.DIMENSIONS_MAX:
            raise BadInputError(
                f"input {one.name[:80]!r} of shape {shape[:8]}",
                expected=f"at most {_VALUES_MAX} values in {graphs.DIMENSIONS_MAX} dimensions",
            )
        own = names[one.name]
        examples[own] = torch.zeros(shape, dtype=dtype)
        dynamic[own] = tuple(p for p, size in enumerate(one.sizes) if not isinstance(size, int))
    return examples, dynamic


def _tidied(network: Network, steps: Iterable[str]) -> Network:
    """Give the main node of each step its name, and leave out tensors that nothing reads."""
    paths = set(steps)
    main: dict[str, int] = {}
    for place, node in enumerate(network.nodes):
        best = main.get(node.module)
        if node.module in paths and (best is None or _rank(node) >= _rank(network.nodes[best])):
            main[node.module] = place
    new: dict[str, str] = {}
    unique = Unique({*network.inputs, *(network.nodes[place].module for place in main.values())})
    for place, node in enumerate(network.nodes):
        name = node.module
        if main.get(node.module) != place:
            base = node.op.split(".")[1]
            name = unique.name(f"{node.module}.{base}" if node.module else base)
        elif name in network.inputs:
            name = unique.name(f"{name}_node")
        new[node.name] = name
    new |= {name: name for name in network.inputs}
    nodes = tuple(
        replace(
            node,
            name=new[node.name],
            arguments={key: _renamed(value, new) for key, value in node.arguments.items()},
        )
        for node in network.nodes
    )
    outputs = _renamed_output(network.outputs, new)
    read = {name for node in nodes for name in (*weights(node.arguments), node.counter)}
    read |= {leaf.name for leaf in leaves(outputs) if isinstance(leaf, Weight)}
    tensors = tuple(tensor for tensor in network.tensors if tensor.name in read)
    return replace(network, nodes=nodes, outputs=outputs, tensors=tensors)


def _rank(node: Node) -> int:
    return 0 if node.kind == AUX else 1


def _renamed(argument: Argument, new: Mapping[str, str]) -> Argument:
    if isinstance(argument, tuple):
        return tuple(_renamed(item, new) for item in argument)
    return Ref(new[argument.node], argument.index) if isinstance(argument, Ref) else argument


def _renamed_output(output: Output, new: Mapping[str, str]) -> Output:
    if isinstance(output, Group):
        return replace(output, items=tuple(_renamed_output(item, new) for item in output.items))
    return Ref(new[output.node], output.index) if isinstance(output, Ref) else output
