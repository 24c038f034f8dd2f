"""Read the structure of an ONNX file: where the values of its initializers are.

An *initializer* is a stored tensor of the graph. Its values are a tensor of ours where the file
holds them as they are: in `raw_data`, or float32 and float64 packed in `float_data` and
`double_data`. Other initializers (text, 4-bit values, whole numbers as varints), the constants of
nodes, and values in other files stay bytes of the file. The graph itself is not read here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from modelhub.containers.limits import (
    METADATA_VALUE_BYTES_MAX,
    NAME_BYTES_MAX,
    check_name,
    check_size,
)
from modelhub.containers.model import Parsed, Readable, Storage, TensorEntry
from modelhub.containers.protobuf import BYTES, VARINT, Field, Wire
from modelhub.containers.scalars import Scalars
from modelhub.tensors.dtypes import by_name

__all__ = ["DTYPES", "parse"]

# onnx.TensorProto.DataType -> our dtype. 8 is text; 21 to 23 pack two values into a byte.
DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64",
    15: "complex128", 16: "bfloat16", 17: "float8_e4m3fn", 18: "float8_e4m3fnuz",
    19: "float8_e5m2", 20: "float8_e5m2fnuz", 24: "float8_e8m0fnu",
}  # fmt: skip

# Field numbers of onnx.proto.
_MODEL_TEXTS = {2: "producer_name", 3: "producer_version", 4: "domain"}
_MODEL_NUMBERS = {1: "ir_version", 5: "model_version"}
_MODEL_GRAPH, _MODEL_OPSET, _MODEL_METADATA = 7, 8, 14
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_INITIALIZER, _GRAPH_SPARSE, _GRAPH_OUTPUT = 1, 2, 5, 15, 12
_DIMS, _DTYPE, _SEGMENT, _NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 3, 8, 9, 13, 14
# Typed values that are as wide as the dtype, so that packed they are the raw bytes.
_PLAIN = {4: "float32", 10: "float64"}
_TYPED = frozenset({4, 5, 6, 7, 10, 11})
# numpy's and ours; a protobuf can claim any number.
_DIMENSIONS_MAX = 64
_SIGN = 1 << 63


@dataclass(slots=True)
class _Initializer:
    """What one TensorProto says; `values` are the ranges of its values with their field numbers."""

    name: str = ""
    dtype: int = 0
    shape: list[int] = field(default_factory=list)
    values: list[Field] = field(default_factory=list)
    external: bool = False
    segment: bool = False
    stop: int = 0


def parse(file: Readable) -> Parsed:
    """Return the structure of an ONNX file; reads no values.

    Raises:
        BadInputError: kind truncated, bad_header, bad_shape, bad_name or duplicate_name.
    """
    wire = Wire(file)
    scalars = Scalars()
    graphs = []
    for one in wire.fields(0, file.size):
        if one.number == _MODEL_GRAPH and one.wire == BYTES:
            graphs.append(one)
        else:
            _model_field(wire, one, scalars)
    if len(graphs) != 1:
        wire.bad(f"a file with {len(graphs)} graphs", "one, as an ONNX model has")
    parsed = Parsed("onnx", file.size, [], [], scalars.values, [])
    _read_graph(wire, graphs[0], parsed)
    parsed.notes.extend(scalars.notes())
    parsed.check(str(file.path))
    return parsed


def _model_field(wire: Wire, one: Field, scalars: Scalars) -> None:
    if one.number in _MODEL_TEXTS and one.wire == BYTES:
        scalars.add(_MODEL_TEXTS[one.number], wire.text(one, METADATA_VALUE_BYTES_MAX))
    elif one.number in _MODEL_NUMBERS and one.wire == VARINT:
        scalars.add(_MODEL_NUMBERS[one.number], one.value)
    elif one.number == _MODEL_OPSET and one.wire == BYTES:
        domain, version = "", 0
        for part in wire.fields(one.start, one.stop):
            if part.number == 1:
                domain = wire.text(part, NAME_BYTES_MAX)
            elif part.number == 2 and part.wire == VARINT:
                version = part.value
        scalars.add(f"opset.{domain}" if domain else "opset", version)
    elif one.number == _MODEL_METADATA and one.wire == BYTES:
        pair = {p.number: p for p in wire.fields(one.start, one.stop) if p.wire == BYTES}
        sizes = [part.stop - part.start for part in pair.values()]
        if set(pair) == {1, 2} and max(sizes) <= METADATA_VALUE_BYTES_MAX:
            key = wire.text(pair[1], METADATA_VALUE_BYTES_MAX)
            scalars.add(f"metadata.{key}", wire.text(pair[2], METADATA_VALUE_BYTES_MAX))
        else:
            scalars.leave_out()


def _read_graph(wire: Wire, graph: Field, parsed: Parsed) -> None:
    left: dict[str, int] = {}
    names: set[str] = set()
    promising = False
    for one in wire.fields(graph.start, graph.stop):
        promising |= one.number in (_GRAPH_NODE, _GRAPH_NAME, _GRAPH_OUTPUT)
        if one.number == _GRAPH_SPARSE:
            left["sparse tensors"] = left.get("sparse tensors", 0) + 1
        if one.number != _GRAPH_INITIALIZER or one.wire != BYTES:
            continue
        found = _initializer(wire, one)
        check_name(found.name, wire.where)
        if found.name in names:
            wire.bad(
                f"initializer {found.name[:64]!r} stands twice",
                "names that differ",
                "duplicate_name",
            )
        names.add(found.name)
        reason = _add(wire, found, parsed)
        if reason:
            left[reason] = left.get(reason, 0) + 1
    if not promising and not names:
        wire.bad("an ONNX graph without a node, output or name", "a model")
    parsed.notes.extend(
        f"{count} initializers stay in the file only: {reason}" for reason, count in left.items()
    )


def _initializer(wire: Wire, whole: Field) -> _Initializer:
    found = _Initializer(stop=whole.stop)
    for one in wire.fields(whole.start, whole.stop):
        if one.number == _DIMS:
            found.shape += wire.numbers(one, _DIMENSIONS_MAX)
            if len(found.shape) > _DIMENSIONS_MAX:
                wire.bad("an initializer of too many dimensions", str(_DIMENSIONS_MAX), "bad_shape")
        elif one.number == _DTYPE and one.wire == VARINT:
            found.dtype = one.value
        elif one.number == _NAME:
            found.name = wire.text(one, NAME_BYTES_MAX)
        elif one.number == _RAW or one.number in _TYPED:
            found.values.append(one)
        elif one.number == _EXTERNAL or (one.number == _LOCATION and one.value == 1):
            found.external = True
        elif one.number == _SEGMENT:
            found.segment = True
    return found


def _add(wire: Wire, found: _Initializer, parsed: Parsed) -> str:
    """Add an initializer as a tensor; return why it is none, or an empty text."""
    if any(size >= _SIGN for size in found.shape):
        wire.bad(f"initializer {found.name[:64]!r} has a negative size", "0 to 2^63-1", "bad_shape")
    dtype = DTYPES.get(found.dtype, "")
    if found.external:
        return "their values lie in other files, which are kept as files beside it"
    if not dtype or found.segment:
        return "their dtype is text or packs several values into a byte"
    nbytes = math.prod(found.shape) * by_name(dtype).itemsize
    check_size(nbytes, found.name, wire.where)
    values = found.values
    if not values and nbytes == 0:
        # An empty tensor may have no field for its values; its place is then the end of its own.
        values = [Field(_RAW, BYTES, 0, found.stop, found.stop)]
    if not values or (len(values) > 1 and any(one.number == _RAW for one in values)):
        wire.bad(f"initializer {found.name[:64]!r} has its values in {len(values)} runs", "one run")
    one = values[0]
    if len(values) > 1 or (one.number != _RAW and _PLAIN.get(one.number) != dtype):
        return "their values are written one by one"
    if one.wire != BYTES or one.stop - one.start != nbytes:
        wire.bad(
            f"initializer {found.name[:64]!r} has {one.stop - one.start} bytes of values",
            f"{nbytes} for {dtype} of shape {found.shape[:8]}",
            "bad_shape",
        )
    shape = tuple(found.shape)
    index = len(parsed.storages)
    parsed.storages.append(Storage(index, one.start, nbytes, dtype, shape))
    parsed.tensors.append(TensorEntry(found.name, index, dtype, shape))
    return ""
