"""Build the graph that `lowering` reads out of the JSON of an exported program.

Imported through `modelhub.net.from_exported` only, since it needs torch. Nothing of the file is
run: ops are looked up by names that the allow-list holds, tensors are on the meta device, and what
the JSON says of sizes is kept as text.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from modelhub.net.graph import NODES_MAX, TooLargeError, Value
from modelhub.net.lowering import SYNONYMS, Lowering
from modelhub.net.ops import table
from modelhub.net.scalar_types import SCALAR_TYPES, size_text
from modelhub.optional import require

__all__ = ["ExportedLowering", "unknown_ops"]

torch: Any = require("torch", "torch")

_ATEN = "torch.ops.aten."
_BLOCK = "torch.ops.higher_order."
_BLOCKS = frozenset({"wrap_with_set_grad_enabled", "wrap_with_autocast"})
_PYTHON = {
    f"_operator.{name}": getattr(operator, name)
    for name in ("add", "sub", "mul", "floordiv", "mod", "neg")
}
# What the lowering takes although no network holds it: checks, copies that change nothing.
_PASSED = frozenset(
    {
        "sym_size.int",
        "lift_fresh_copy.default",
        "detach_.default",
        "_assert_tensor_metadata.default",
        "_assert_scalar.default",
        "sym_constrain_range.default",
        "sym_constrain_range_for_size.default",
    }
)
_MEMORY_FORMATS = {
    1: "contiguous_format",
    2: "channels_last",
    3: "channels_last_3d",
    4: "preserve_format",
}
# Floats that JSON lacks.
_FLOATS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
_STRIDED = 7
_LITERALS = frozenset(
    {"as_int", "as_ints", "as_float", "as_floats", "as_string", "as_bool", "as_bools"}
)


def unknown_ops(graph: Mapping[str, Any]) -> list[str]:
    """Return the names of ops in a graph, and in its blocks, that a network may not hold."""
    found = set()
    for node in graph["nodes"]:
        target = node["target"]
        if target.startswith(_BLOCK):
            if target.removeprefix(_BLOCK) not in _BLOCKS:
                found.add(target)
                continue
            for one in node["inputs"]:
                if "as_graph" in one["arg"]:
                    found.update(unknown_ops(one["arg"]["as_graph"]["graph"]))
        elif target not in _PYTHON and not _allowed(target):
            found.add(target.removeprefix("torch.ops."))
    return sorted(found)


def _allowed(target: str) -> bool:
    name = target.removeprefix(_ATEN)
    if not target.startswith(_ATEN) or name in _PASSED:
        return target.startswith(_ATEN)
    base, _, overload = name.partition(".")
    # An op that changes its argument is allowed where the one that does not is.
    names = [f"aten.{b}.{overload}" for b in (base, base.removesuffix("_"))]
    return any(SYNONYMS.get(one, one) in table() for one in names)


class ExportedLowering(Lowering):
    """The lowering of a program that is JSON.

    Args:
        program: The field `graph_module` of an exported program.
        ties: As `Lowering` takes them.

    Raises:
        ValueError: it has what a network may not hold.
        KeyError, TypeError, AttributeError, IndexError: it is no such program.
    """

    def __init__(self, program: Mapping[str, Any], ties: Mapping[str, Sequence[str]]) -> None:
        self._values_of: dict[int, Value] = {}
        self._subgraphs = SimpleNamespace()
        self._count = 0
        self._symbols = {}
        graph = self._build(program["graph"], program["signature"]["input_specs"])
        super().__init__(
            SimpleNamespace(
                graph=graph,
                graph_module=self._subgraphs,
                graph_signature=SimpleNamespace(input_specs=self._specs_of(program)),
            ),
            ties,
        )

    def _value(self, value: Any) -> Value:
        known = self._values_of.get(id(value))
        return known if known is not None else super()._value(value)

    def _specs_of(self, program: Mapping[str, Any]) -> list[Any]:
        specs = []
        for row in program["signature"]["input_specs"]:
            ((kind, spec),) = row.items()
            if kind in ("parameter", "buffer", "tensor_constant"):
                target = spec[f"{kind}_name"]
                name, word = spec["arg"]["name"], kind.upper()
            elif kind == "user_input":
                name, word, target = self._user_name(spec["arg"]), "USER_INPUT", None
            elif kind == "constant_input":
                name, word, target = spec["name"], "USER_INPUT", None
            else:
                raise ValueError(f"it has an input of the kind {str(kind)[:40]}")
            arg = SimpleNamespace(name=name)
            kind_ = SimpleNamespace(name=word)
            specs.append(SimpleNamespace(arg=arg, kind=kind_, target=target))
        return specs

    def _user_name(self, arg: Mapping[str, Any]) -> str:
        if "as_tensor" not in arg:
            raise ValueError("an input is no tensor and no constant")
        return str(arg["as_tensor"]["name"])

    def _build(self, source: Mapping[str, Any], specs: Sequence[Any] | None) -> Any:
        """Return torch's graph for a graph in JSON; a block has no specs."""
        graph = torch.fx.Graph()
        items: dict[str, Any] = {}
        for place, given in enumerate(source["inputs"]):
            spec = {} if specs is None else specs[place]
            name, value = self._input(given, spec, source)
            item = graph.create_node("placeholder", name, name=name)
            if name in items:
                raise ValueError(f"two inputs are called {name[:40]!r}")
            # torch gives an input that is called as a function of Python another name.
            item.name = name
            item.meta["val"] = value
            items[name] = item
        if self._count + len(source["nodes"]) > NODES_MAX:
            raise TooLargeError(f"more than {NODES_MAX} nodes")
        for node in source["nodes"]:
            self._count += 1
            self._node(graph, node, items, source)
        results = [self._argument_of(one, items) for one in source["outputs"]]
        graph.output(tuple(results))
        return graph

    def _input(
        self, given: Mapping[str, Any], spec: Mapping[str, Any], source: Mapping[str, Any]
    ) -> tuple[str, Any]:
        if "as_tensor" in given:
            name = str(given["as_tensor"]["name"])
            return name, self._tensor(source["tensor_values"][name])
        if "as_sym_int" in given and not spec:
            return str(given["as_sym_int"]["as_name"]), 0
        if "constant_input" in spec:
            ((_, value),) = spec["constant_input"]["value"].items()
            literal = None if "as_none" in given else value
            if not isinstance(literal, str | int | float | None):
                raise ValueError("a constant input that is no number or text")
            return str(spec["constant_input"]["name"]), literal
        raise ValueError("an input is no tensor and no constant")

    def _tensor(self, meta: Mapping[str, Any]) -> Any:
        """Return a tensor that stands for one of the file: its dtype, and its shape as text."""
        dtype = SCALAR_TYPES.get(meta["dtype"], "")
        if not dtype or meta["layout"] != _STRIDED:
            raise ValueError("a tensor of a dtype or layout that a network may not hold")
        made = torch.empty((), dtype=getattr(torch, dtype), device="meta")
        self._values_of[id(made)] = Value(dtype, tuple(map(self._size_of, meta["sizes"])))
        return made

    def _size_of(self, size: Mapping[str, Any]) -> int | str:
        if "as_int" in size:
            number = size["as_int"]
            if type(number) is not int:
                raise TypeError("a size that is no number")
            return number
        found = size_text(str(size["as_expr"]["expr_str"]))
        return found if isinstance(found, int) else self._renumbered(found)

    def _node(
        self, graph: Any, node: Mapping[str, Any], items: dict[str, Any], source: Mapping[str, Any]
    ) -> None:
        target = self._target(node["target"])
        arguments, named = [], {}
        for one in node["inputs"]:
            value = self._argument_of(one["arg"], items, graph)
            if one.get("kind") == 2:
                named[str(one["name"])] = value
            else:
                arguments.append(value)
        made = graph.create_node("call_function", target, tuple(arguments), named)
        made.meta["nn_module_stack"] = _stack(node["metadata"].get("nn_module_stack", ""))
        outputs = node["outputs"]
        several = len(outputs) > 1 or (len(outputs) == 1 and "as_tensors" in outputs[0])
        if node["target"].startswith(_BLOCK):
            several = not node.get("is_hop_single_tensor_return")
        names = [name for one in outputs for name in _output_names(one)]
        values = [self._result(name, source) for name in names]
        if not several:
            made.meta["val"] = values[0] if values else None
            items.update(dict.fromkeys(names, made))
            return
        made.meta["val"] = tuple(values)
        for index, (name, value) in enumerate(zip(names, values, strict=True)):
            item = graph.create_node("call_function", operator.getitem, (made, index))
            item.meta["val"] = value
            items[name] = item

    def _result(self, name: str, source: Mapping[str, Any]) -> Any:
        if name in source["tensor_values"]:
            return self._tensor(source["tensor_values"][name])
        return 0 if name in source["sym_int_values"] else None

    def _target(self, text: str) -> Any:
        if text in _PYTHON:
            return _PYTHON[text]
        if text.startswith(_BLOCK):
            return _block(text.removeprefix(_BLOCK))
        if not _allowed(text):
            raise ValueError(f"the op {text[:80]!r} is not one that a network may hold")
        base, _, overload = text.removeprefix(_ATEN).partition(".")
        return getattr(getattr(torch.ops.aten, base), overload)

    def _argument_of(
        self, arg: Mapping[str, Any], items: Mapping[str, Any], graph: Any = None
    ) -> Any:
        ((kind, value),) = arg.items()
        match kind:
            case "as_none":
                return None
            case "as_tensor":
                return items[value["name"]]
            case "as_tensors":
                return [items[one["name"]] for one in value]
            case "as_optional_tensor":
                return self._argument_of(value, items)
            case "as_optional_tensors":
                return [self._argument_of(one, items) for one in value]
            case "as_sym_int":
                return items[value["as_name"]] if "as_name" in value else value["as_int"]
            case "as_sym_ints":
                return [self._argument_of({"as_sym_int": one}, items) for one in value]
            case "as_scalar_type":
                return getattr(torch, SCALAR_TYPES[value])
            case "as_memory_format":
                return getattr(torch, _MEMORY_FORMATS[value])
            case "as_float" if isinstance(value, str):
                return _FLOATS[value]
            case "as_layout" if value == _STRIDED:
                return torch.strided
            case "as_device":
                return torch.device("cpu")
            case "as_graph" if graph is not None:
                return self._block_graph(value, graph)
        if kind not in _LITERALS:
            raise ValueError(f"an argument of the kind {str(kind)[:40]}")
        return value

    def _block_graph(self, value: Mapping[str, Any], graph: Any) -> Any:
        name = f"block_{self._count}"
        setattr(self._subgraphs, name, SimpleNamespace(graph=self._build(value["graph"], None)))
        return graph.create_node("get_attr", name)


def _block(name: str) -> Any:
    """Return what stands for a `with` block: the lowering asks it for its name alone."""

    def block(*_: Any) -> None:
        raise AssertionError("a block is never run")

    block.__name__ = name
    return block


def _output_names(output: Mapping[str, Any]) -> list[str]:
    ((kind, value),) = output.items()
    if kind == "as_tensor":
        return [str(value["name"])]
    if kind == "as_tensors":
        return [str(one["name"]) for one in value]
    if kind == "as_sym_int" and "as_name" in value:
        return [str(value["as_name"])]
    if kind == "as_none":
        return []
    raise ValueError(f"a result of the kind {str(kind)[:40]}")


def _stack(text: str) -> dict[str, Any]:
    """Read `key,path,class;...`, the modules around a node."""
    found = {}
    for entry in text.split(";"):
        key, _, rest = entry.partition(",")
        path, _, class_ = rest.partition(",")
        if key:
            found[key] = (path, class_)
    return found
