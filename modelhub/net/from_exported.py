"""Import a network from the JSON of an exported program, as a .pt2 file holds it.

torch's own loader unpickles parts of a .pt2 file, which can run any code. Here nothing is loaded
with torch: the JSON is read as data and its ops are held against the allow-list. torch is needed
for its table of ops, and imported on the first call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelhub.errors import BadInputError
from modelhub.net import graph as graphs
from modelhub.net.graph import OUTPUT_DEPTH_MAX, Group, Network, Output, Tensor, TooLargeError
from modelhub.net.scalar_types import SCALAR_TYPES
from modelhub.optional import require

__all__ = ["SCHEMA_MAJOR", "from_exported"]

# Of torch/_export/serde/schema.py; torch 2.5 to 2.13 write it.
SCHEMA_MAJOR = 8
_DAMAGE = (KeyError, TypeError, AttributeError, IndexError, RecursionError)


def from_exported(
    program: Any,
    *,
    constants: Mapping[str, bytes] | None = None,
    ties: Mapping[str, str] | None = None,
    where: str = "",
) -> Network:
    """Return the network of an exported program.

    The mode of the module when it was exported stays: one exported in eval mode has no dropout and
    fixed statistics, in train mode too. Flags that were set in train mode follow the mode.

    Args:
        program: The JSON of the program, parsed.
        constants: The little-endian bytes of constants and of buffers outside the state dict, by
            name, in C order.
        ties: For a tensor that is another's storage too, a name that all of these have in common.
        where: The file, for messages.

    Raises:
        BadInputError: it is no program of a version that is known, or has what a network may not
            hold; the text names all the ops of that sort.
        ModelHubError: kind `missing_extra`, torch is not installed.
    """
    exported = require("modelhub.net.exported_graph", "torch")
    try:
        version = program["schema_version"]["major"]
        if version != SCHEMA_MAJOR:
            raise BadInputError(
                f"version {str(version)[:20]} of torch's export schema",
                expected=str(SCHEMA_MAJOR),
                where=where,
                hint="export the module again with a newer torch",
                kind="unsupported_version",
            )
        module = program["graph_module"]
        unknown = exported.unknown_ops(module["graph"])
        if unknown:
            raise BadInputError(
                f"ops that a network may not hold: {', '.join(unknown)[:1000]}",
                where=where,
                hint="export the module without run_decompositions(), or commit the file for its "
                "weights alone",
            )
        lowering = exported.ExportedLowering(module, _tied(ties or {}))
        lowering.run()
        network = Network(
            inputs=lowering.inputs,
            nodes=tuple(lowering.nodes),
            tensors=tuple(_tensors(module, constants or {}, ties or {}, lowering)),
            outputs=_outputs(module, lowering),
        )
        graphs.check(network)
    except TooLargeError as error:
        raise BadInputError(
            f"the program is too large for a network: {error}", where=where, kind="network_limit"
        ) from error
    except ValueError as error:
        raise BadInputError(
            f"the program cannot be kept as a network: {error}", where=where
        ) from error
    except _DAMAGE as error:
        raise BadInputError(
            f"no exported program as torch writes it ({type(error).__name__}: {str(error)[:80]})",
            where=where,
            kind="bad_header",
        ) from error
    return network


def _tied(ties: Mapping[str, str]) -> dict[str, list[str]]:
    """Return for each tensor with several names all of them."""
    groups: dict[str, list[str]] = {}
    for name, group in ties.items():
        groups.setdefault(group, []).append(name)
    return {name: names for names in groups.values() if len(names) > 1 for name in names}


def _outputs(module: Any, lowering: Any) -> Output:
    for spec in module["signature"]["output_specs"]:
        if "user_output" not in spec:
            raise ValueError(f"it has an output of the kind {next(iter(spec))[:40]}")
    outermost = next(entry for entry in module["module_call_graph"] if entry["fqn"] == "")
    _, tree = json.loads(outermost["signature"]["out_spec"])
    leaves = iter(lowering.outputs)
    outputs = _output(tree, leaves, 0)
    if next(leaves, leaves) is not leaves:
        raise ValueError("it has more outputs than its out_spec")
    return outputs


def _output(tree: Mapping[str, Any], leaves: Any, depth: int) -> Output:
    """Put the flat outputs into the containers that the module returned."""
    if depth > OUTPUT_DEPTH_MAX:
        raise ValueError("the outputs are nested too deep")
    word = tree["type"]
    if word is None:
        leaf: Output = next(leaves, None)
        return leaf
    items = tuple(_output(child, leaves, depth + 1) for child in tree["children_spec"])
    short = {"builtins.tuple": "tuple", "builtins.list": "list"}.get(word)
    if short is not None:
        return Group(short, items)
    # A dict, or a class of outputs that is made of its keys, such as those of transformers.
    keys = json.loads(tree["context"]) if isinstance(tree["context"], str) else None
    if (
        isinstance(keys, list)
        and len(keys) == len(items)
        and all(isinstance(key, str) for key in keys)
    ):
        return Group("dict", items, tuple(keys))
    raise ValueError(f"it returns a {str(word)[:80]}, not tensors, lists, tuples or dicts")


def _tensors(
    module: Any,
    constants: Mapping[str, bytes],
    ties: Mapping[str, str],
    lowering: Any,
) -> list[Tensor]:
    read = {name for node in lowering.nodes for name in (*node.parameters, node.counter)}
    read |= lowering.weights_out
    found: list[Tensor] = []
    first: dict[str, str] = {}
    values = module["graph"]["tensor_values"]
    for row in module["signature"]["input_specs"]:
        ((kind, spec),) = row.items()
        if kind not in ("parameter", "buffer", "tensor_constant"):
            continue
        name, meta = spec[f"{kind}_name"], values[spec["arg"]["name"]]
        if kind == "parameter":
            role = "parameter" if meta["requires_grad"] else "frozen"
        else:
            role = "buffer" if kind == "buffer" and spec["persistent"] else "constant"
        shape = tuple(size["as_int"] for size in meta["sizes"])
        if role == "constant":
            if name not in read:
                continue
            if name not in constants:
                raise ValueError(f"the values of the constant {name[:80]!r} are not in the file")
            found.append(
                Tensor(name, SCALAR_TYPES[meta["dtype"]], shape, role, "", constants[name])
            )
            continue
        # The one before it whose storage it shares; in the file that may be the other way round.
        group = ties.get(name, name)
        first.setdefault(group, name)
        tied = first[group] if first[group] != name else ""
        found.append(Tensor(name, SCALAR_TYPES[meta["dtype"]], shape, role, tied))
    # Constants last, as in networks that are traced here.
    return sorted(found, key=lambda tensor: tensor.role == "constant")
