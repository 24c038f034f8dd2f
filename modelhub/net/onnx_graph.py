"""Read an ONNX model with the package `onnx` into plain data.

Imported through `modelhub.net.from_onnx` only, since it needs onnx. A *stored* tensor is an
initializer, or the value of a Constant node; it is *in W* where the ONNX container
(`modelhub/containers/onnx.py`) names it among the weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from modelhub.errors import BadInputError
from modelhub.net.graph import NODES_MAX
from modelhub.optional import require

__all__ = ["Graph", "Input", "OnnxNode", "Stored", "read"]

onnx: Any = require("onnx", "onnx")
inliner: Any = require("onnx.inliner", "onnx")
numpy_helper: Any = require("onnx.numpy_helper", "onnx")

# The default domain has two names.
_DOMAINS = ("", "ai.onnx")
# Values that the container keeps as a tensor of their own: raw ones, and these typed ones.
_TYPED = {1: "float_data", 11: "double_data"}
_EXTERNAL = 1
# A whole number or two of each dimension; more is data.
_CONSTANT_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor that the file holds: by name, its values, and whether W has it."""

    name: str
    array: np.ndarray
    in_weights: bool


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the graph: dtype as ONNX numbers it, and sizes; a text or None is free."""

    name: str
    dtype: int
    sizes: tuple[int | str | None, ...]


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """A node; `inputs` and `outputs` name values, "" for those left out."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(slots=True)
class Graph:
    """A model: the version of the operator set, inputs, outputs, nodes in order, stored tensors."""

    opset: int
    inputs: list[Input] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    nodes: list[OnnxNode] = field(default_factory=list)
    stored: dict[str, Stored] = field(default_factory=dict)


def read(source: Path | bytes) -> Graph:
    """Return the graph of a model; local functions are put where they are called.

    Raises:
        BadInputError: it is no ONNX model, or it has what a network cannot hold: values in other
            files, sparse tensors, sequences, subgraphs.
    """
    where = str(source) if isinstance(source, Path) else ""
    try:
        if isinstance(source, Path):
            model = onnx.load(str(source), load_external_data=False)
        else:
            model = onnx.load_model_from_string(source)
        if model.functions:
            model = inliner.inline_local_functions(model)
    except Exception as error:  # protobuf has errors of its own, and the inliner several
        raise BadInputError(
            f"no ONNX model that can be read ({str(error)[:120]})", where=where, kind="bad_header"
        ) from error
    opset = max((o.version for o in model.opset_import if o.domain in _DOMAINS), default=0)
    return _graph(model.graph, opset, where)


def _graph(proto: Any, opset: int, where: str) -> Graph:
    if len(proto.node) > NODES_MAX:
        raise BadInputError(
            f"{len(proto.node)} nodes", expected=f"at most {NODES_MAX}", where=where
        )
    if proto.sparse_initializer:
        raise BadInputError("sparse initializers", expected="dense tensors", where=where)
    graph = Graph(opset)
    far = [tensor.name for tensor in proto.initializer if tensor.data_location == _EXTERNAL]
    if far:
        raise BadInputError(
            f"the values of {len(far)} initializers lie in other files, first {far[0][:80]!r}",
            expected="all values in the .onnx file",
            where=where,
            hint="save it with onnx.save(onnx.load(PATH), NEW_PATH)",
        )
    for tensor in proto.initializer:
        graph.stored[tensor.name] = Stored(tensor.name, _array(tensor, where), _in_weights(tensor))
    for value in proto.input:
        if value.name not in graph.stored:
            graph.inputs.append(_input(value, where))
    graph.outputs = [value.name for value in proto.output]
    for number, node in enumerate(proto.node):
        _add_node(graph, node, number, where)
    return graph


def _add_node(graph: Graph, node: Any, number: int, where: str) -> None:
    attributes = {one.name: _attribute(one) for one in node.attribute}
    name = node.name or next(iter(node.output), "") or f"{node.op_type}_{number}"
    if node.op_type == "Constant" and node.domain in _DOMAINS and len(node.output) == 1:
        array = _constant(attributes)
        if array is None:
            raise BadInputError("a Constant that is no tensor of numbers", where=f"{where}: {name}")
        if array.nbytes > _CONSTANT_BYTES_MAX:
            raise BadInputError(
                f"a constant of {array.nbytes} bytes inside the graph",
                expected=f"at most {_CONSTANT_BYTES_MAX}",
                where=f"{where}: {name}",
                hint="make it an initializer, so that it is among the weights",
            )
        graph.stored[node.output[0]] = Stored(node.output[0], array, False)
        return
    graph.nodes.append(
        OnnxNode(
            name,
            node.op_type,
            "" if node.domain in _DOMAINS else node.domain,
            tuple(node.input),
            tuple(node.output),
            attributes,
        )
    )


def _in_weights(tensor: Any) -> bool:
    if tensor.HasField("raw_data"):
        return True
    typed = _TYPED.get(tensor.data_type)
    return typed is not None and (len(getattr(tensor, typed)) > 0 or 0 in tensor.dims)


def _array(tensor: Any, where: str) -> np.ndarray:
    if math.prod(tensor.dims) > 1 << 40:
        raise BadInputError(f"initializer {tensor.name[:80]!r} is too large", where=where)
    try:
        array: np.ndarray = numpy_helper.to_array(tensor)
    except Exception as error:  # ValueError, TypeError and KeyError, by what is wrong
        raise BadInputError(
            f"initializer {tensor.name[:80]!r} cannot be read ({str(error)[:80]})", where=where
        ) from error
    return array


def _input(value: Any, where: str) -> Input:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise BadInputError(
            f"input {value.name[:80]!r} is no tensor of known rank", expected="one", where=where
        )
    sizes: list[int | str | None] = []
    for dim in kind.shape.dim:
        fixed = dim.HasField("dim_value") and dim.dim_value > 0
        sizes.append(dim.dim_value if fixed else dim.dim_param or None)
    return Input(value.name, kind.elem_type, tuple(sizes))


def _attribute(one: Any) -> Any:
    """Return an attribute's value: numbers, texts, lists of them, or an array; None for others."""
    kinds = onnx.AttributeProto
    match one.type:
        case kinds.FLOAT:
            return float(one.f)
        case kinds.INT:
            return int(one.i)
        case kinds.STRING:
            return one.s.decode("utf-8", "replace")
        case kinds.FLOATS:
            return [float(value) for value in one.floats]
        case kinds.INTS:
            return [int(value) for value in one.ints]
        case kinds.STRINGS:
            return [value.decode("utf-8", "replace") for value in one.strings]
        case kinds.TENSOR:
            return _array(one.t, one.name)
        case _:
            return None


def _constant(attributes: dict[str, Any]) -> np.ndarray | None:
    for name, value in attributes.items():
        if name == "value" and isinstance(value, np.ndarray) and value.dtype.kind in "biufV":
            return value
        if name in ("value_float", "value_floats"):
            return np.array(value, np.float32)
        if name in ("value_int", "value_ints"):
            return np.array(value, np.int64)
    return None
