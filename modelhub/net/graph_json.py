"""Write a network as canonical JSON and read it back: format 2 of docs/formats/network.md.

Equal networks have equal bytes, and no other bytes are read. Format 1 is the module tree of
`modelhub.net.tree`.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from modelhub.errors import CorruptionError
from modelhub.net import arguments
from modelhub.net.arguments import Ref, Weight
from modelhub.net.graph import (
    OUTPUT_DEPTH_MAX,
    Group,
    Network,
    Node,
    Output,
    Tensor,
    TooLargeError,
    Value,
    check,
)
from modelhub.net.ops import ordered

__all__ = ["BYTES_MAX", "FORMAT", "STRUCTURES_MAX", "from_json", "to_json"]

FORMAT = 2
# A node takes about 250 bytes. Both limits are checked before the text is parsed, so that a hostile
# one costs a few hundred megabytes at most.
BYTES_MAX = 16 << 20
STRUCTURES_MAX = 1_000_000


def to_json(network: Network) -> bytes:
    """Return the network's canonical bytes.

    Raises:
        TooLargeError: the network has more nodes, tensors or bytes than a reader accepts.
        ValueError: the network breaks another rule.
    """
    check(network)
    data = _encode(network)
    if len(data) > BYTES_MAX:
        raise TooLargeError(f"{len(data)} bytes, at most {BYTES_MAX}")
    if _structures(data) > STRUCTURES_MAX:
        raise TooLargeError(f"more than {STRUCTURES_MAX} lists and objects")
    return data


def _encode(network: Network) -> bytes:
    value: dict[str, Any] = {
        "format": FORMAT,
        "executable": network.executable,
        "nodes": [_node_to_json(node) for node in network.nodes],
        "tensors": [_tensor_to_json(tensor) for tensor in network.tensors],
    }
    if network.executable:
        value["inputs"] = [[name, *_value_to_json(v)] for name, v in network.inputs.items()]
        value["outputs"] = _output_to_json(network.outputs)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def from_json(data: bytes) -> Network:
    """Read what `to_json` wrote; runs no code and finds no op outside the allow-list.

    Raises:
        CorruptionError: the bytes are not a network of this format, or break a limit.
    """
    try:
        if len(data) > BYTES_MAX:
            raise ValueError(f"{len(data)} bytes, at most {BYTES_MAX}")
        if _structures(data) > STRUCTURES_MAX:
            raise ValueError(f"more than {STRUCTURES_MAX} lists and objects")
        value = json.loads(data)
        found = value["format"]
        if found != FORMAT or isinstance(found, bool | float):
            raise CorruptionError(
                f"network format {str(found)[:40]}",
                expected=str(FORMAT),
                hint="upgrade modelhub",
                kind="unsupported_version",
            )
        network = _network(value)
        check(network)
        # Refuses unknown fields, keys given twice, and any second way to write the same network.
        if _encode(network) != data:
            raise ValueError("the JSON is not in canonical form")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptionError(
            f"not a network that can be used ({_reason(error)})",
            where="network",
            hint="run `modelhub fsck`",
        ) from error
    return network


def _reason(error: Exception) -> str:
    match error:
        case KeyError():
            return f"a field {str(error)[:80]} is missing"
        case RecursionError():
            return "it is nested too deep"
        case TypeError() | AttributeError():
            return "a field is of another type"
        case _:
            return str(error)[:300]


def _structures(data: bytes) -> int:
    return data.count(b"{") + data.count(b"[")


def _network(value: dict[str, Any]) -> Network:
    executable = value["executable"]
    if not isinstance(executable, bool):
        raise TypeError("executable is not a bool")
    inputs: dict[str, Value] = {}
    for name, dtype, shape in value["inputs"] if executable else ():
        if arguments.check_name(name) in inputs:
            raise ValueError(f"two inputs are called {name!r}")
        inputs[name] = _value([dtype, shape])
    return Network(
        inputs=inputs,
        nodes=tuple(_node(row, executable) for row in value["nodes"]),
        tensors=tuple(_tensor(row) for row in value["tensors"]),
        outputs=_output(value["outputs"], 0) if executable else None,
        executable=executable,
    )


def _value_to_json(value: Value) -> list[Any]:
    return [value.dtype, list(value.shape)]


def _value(row: Any) -> Value:
    dtype, shape = row
    _texts(dtype)
    if not isinstance(shape, list):
        raise TypeError("a shape is not a list")
    for size in shape:
        if not isinstance(size, int | str) or isinstance(size, bool):
            raise TypeError("a size is of another type")
    return Value(dtype, tuple(shape))


def _node_to_json(node: Node) -> dict[str, Any]:
    row: dict[str, Any] = {"name": node.name}
    if node.module:
        row["module"] = node.module
    if node.counter:
        row["counter"] = node.counter
    if node.op:
        row["op"] = node.op
        row["args"] = {key: arguments.to_json(item) for key, item in node.arguments.items()}
        row["values"] = [_value_to_json(value) for value in node.values]
    else:
        row["kind"] = node.stated_kind
        row["parameters"] = list(node.stated_parameters)
    return row


def _node(row: dict[str, Any], executable: bool) -> Node:
    name, module, counter = row["name"], row.get("module", ""), row.get("counter", "")
    _texts(name, module, counter)
    if not executable:
        kind, parameters = row["kind"], tuple(row["parameters"])
        _texts(kind, *parameters)
        return Node(name, module=module, stated_kind=kind, stated_parameters=parameters)
    _texts(row["op"])
    coded = {key: arguments.from_json(item) for key, item in row["args"].items()}
    return Node(
        name,
        op=row["op"],
        module=module,
        arguments=ordered(row["op"], coded),
        values=tuple(map(_value, row["values"])),
        counter=counter,
    )


def _tensor_to_json(tensor: Tensor) -> dict[str, Any]:
    row = {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "role": tensor.role,
    }
    if tensor.tied:
        row["tied"] = tensor.tied
    if tensor.role == "constant":
        row["data"] = base64.b64encode(tensor.data).decode("ascii")
    return row


def _tensor(row: dict[str, Any]) -> Tensor:
    tied, data = row.get("tied", ""), row.get("data", "")
    _texts(row["name"], row["role"], tied, data)
    value = _value([row["dtype"], row["shape"]])
    sizes = tuple(size for size in value.shape if isinstance(size, int))
    if len(sizes) != len(value.shape):
        raise ValueError(f"the shape of the tensor {row['name'][:80]!r} is not fixed")
    try:
        raw = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ValueError("the bytes of a constant are not in base 64") from error
    return Tensor(row["name"], value.dtype, sizes, row["role"], tied, raw)


def _output_to_json(output: Output) -> Any:
    if not isinstance(output, Group):
        return arguments.to_json(output)
    items = [_output_to_json(item) for item in output.items]
    if output.type == "dict":
        return {"dict": [list(pair) for pair in zip(output.keys, items, strict=True)]}
    return {output.type: items}


def _output(value: Any, depth: int) -> Output:
    if depth > OUTPUT_DEPTH_MAX:
        raise ValueError("the outputs are nested too deep")
    match value:
        case {"tuple": list(items)} | {"list": list(items)} if len(value) == 1:
            return Group(next(iter(value)), tuple(_output(item, depth + 1) for item in items))
        case {"dict": list(pairs)} if len(value) == 1:
            keys = tuple(key for key, _ in pairs)
            _texts(*keys)
            if len(set(keys)) < len(keys) or any(not 0 < len(key) <= 512 for key in keys):
                raise ValueError("a key of the outputs is there twice, empty or too long")
            return Group("dict", tuple(_output(item, depth + 1) for _, item in pairs), keys)
    argument = arguments.from_json(value)
    if argument is None or isinstance(argument, Ref | Weight | bool | int | float):
        return argument
    raise ValueError("an output is neither a value nor a number")


def _texts(*values: Any) -> None:
    for value in values:
        if not isinstance(value, str):
            raise TypeError("a text is of another type")
