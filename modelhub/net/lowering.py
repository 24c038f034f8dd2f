"""Turn the graph of an exported program into nodes, one op at a time.

Imported through `modelhub.net.tracing` only, since it needs torch. Here *item* means a node of
torch's graph, to tell it from a node of ours.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelhub.net import naming
from modelhub.net.arguments import (
    Argument,
    Constant,
    Device,
    Ref,
    Training,
    TrainOnly,
    Weight,
    check_name,
)
from modelhub.net.graph import Node, Output, Value
from modelhub.net.kinds import AUX
from modelhub.net.ops import MODE_FLAGS, Op, find, ordered
from modelhub.optional import require

__all__ = ["SYNONYMS", "Lowering"]

torch: Any = require("torch", "torch")

_SYMBOLIC = {
    operator.add: "sym.add",
    operator.sub: "sym.sub",
    operator.mul: "sym.mul",
    operator.floordiv: "sym.floordiv",
    operator.mod: "sym.mod",
    operator.neg: "sym.neg",
}
# Checks that export writes down; what they check is in the shapes.
_CHECKS = re.compile(r"aten\.(_assert_\w+|sym_constrain_range\w*)\.\w+")
# Ops whose result may share memory with their first argument without saying so in the schema.
_MAY_ALIAS = frozenset(
    [
        "reshape",
        "contiguous",
        "flatten",
        "to",
        "dropout",
        "feature_dropout",
        "alpha_dropout",
        "feature_alpha_dropout",
        "type_as",
        "expand_as",
        "view_as",
        "reshape_as",
        "unflatten",
        "lift_fresh_copy",
        "chunk",
        "split",
    ]
)
# What stands for a `with` block: its name, and how many arguments come before the body.
_BLOCKS = {"wrap_with_set_grad_enabled": 1, "wrap_with_autocast": 4}
# Ops that are another one by its operator.
SYNONYMS = {
    "aten.__and__.Tensor": "aten.bitwise_and.Tensor",
    "aten.__or__.Tensor": "aten.bitwise_or.Tensor",
    "aten.max.other": "aten.maximum.default",
    "aten.min.other": "aten.minimum.default",
}
_SAME = frozenset({"lift_fresh_copy", "detach_", "alias"})
_SYMBOL = re.compile(r"\b[su]\d+\b")
_SLICE_END = 2**63 - 1


class Lowering:
    """One pass over the graph of a program; `run` fills the other attributes.

    Args:
        ties: For each tensor that has several names, all of them; torch.export keeps any one.

    Attributes:
        inputs: The value of each input, by name.
        nodes: The nodes, in order.
        outputs: The outputs, flat.
        weights_out: Names of tensors that are outputs themselves.
    """

    def __init__(self, program: Any, ties: Mapping[str, Sequence[str]]) -> None:
        self._ties = ties
        self.inputs: dict[str, Value] = {}
        self.nodes: list[Node] = []
        self.outputs: list[Output] = []
        self.weights_out: set[str] = set()
        self._items = list(program.graph.nodes)
        self._graphs = program.graph_module
        self._place = {item: place for place, item in enumerate(self._items)}
        self._specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
        self._arguments: dict[Any, Argument] = {}
        self._root: dict[Any, Any] = {}
        self._origin: dict[Any, Any] = {}
        self._counters: set[str] = set()
        self._spliced: dict[Any, list[Any]] = {}
        self._symbols: dict[str, str] = {}

    def run(self) -> None:
        """Fill the attributes.

        Raises:
            ValueError: an op or an input is not one that a network may hold.
        """
        for item in self._items:
            if item.op == "placeholder":
                self._placeholder(item)
            elif item.op == "output":
                self.outputs = [self._argument(value) for value in item.args[0]]  # type: ignore
            elif item.op == "call_function":
                self._call(item)
            elif item.op != "get_attr":
                raise ValueError(f"it has the step {item.target}, which is no op")
        if self._counters:
            raise ValueError(f"it changes {min(self._counters)} as it runs")
        self._drop_unread()
        self._rename()
        self.weights_out = {leaf.name for leaf in self.outputs if isinstance(leaf, Weight)}

    def _placeholder(self, item: Any) -> None:
        spec = self._specs[item.name]
        self._root[item] = item
        if spec.kind.name != "USER_INPUT":
            self._arguments[item] = Weight(check_name(spec.target))
            return
        value = item.meta.get("val")
        if isinstance(value, torch.Tensor):
            self.inputs[check_name(item.name)] = self._value(value)
            self._arguments[item] = Ref(item.name)
        else:
            self._arguments[item] = value

    def _call(self, item: Any) -> None:
        target = item.target
        if target is operator.getitem:
            base = self._arguments[item.args[0]]
            if item.args[0] in self._spliced:
                result = self._spliced[item.args[0]][item.args[1]]
                self._arguments[item] = base[item.args[1]]  # type: ignore[index]
                self._root[item] = self._root[result]
                return
            if not isinstance(base, Ref) or not isinstance(item.args[1], int):
                raise ValueError("it picks an item of what is no result of an op")
            self._arguments[item] = Ref(base.node, item.args[1])
            self._root[item] = self._root[item.args[0]]
            return
        if target in _SYMBOLIC:
            numbers = map(self._argument, item.args)
            self._add(item, _SYMBOLIC[target], dict(zip("ab", numbers, strict=False)))
            return
        if _label(target) in _BLOCKS:
            self._splice(item, _label(target))
            return
        if not isinstance(target, torch._ops.OpOverload) or target.namespace != "aten":
            raise ValueError(f"the op {_label(target)} is not one that a network may hold")
        if _CHECKS.fullmatch(str(target)):
            return
        base, overload = SYNONYMS.get(str(target), str(target)).split(".")[1:]
        given = self._given(item)
        if base in _SAME or _does_nothing(base, item):
            self._arguments[item] = self._arguments[item.args[0]]
            self._root[item] = self._root[item.args[0]]
        elif base == "sym_size":
            self._add(item, "sym.size", given)
        elif base.endswith("_") and not base.startswith("_"):
            self._in_place(item, base[:-1], overload, given)
        else:
            self._add(item, f"aten.{base}.{overload}", given)
            self._root[item] = self._shares_with(item, base)

    def _splice(self, item: Any, name: str) -> None:
        """Take in the body of a `with` block for gradients or autocast that are off."""
        before = _BLOCKS[name]
        enabled = item.args[before - 2] if name.endswith("autocast") else item.args[0]
        if enabled:
            raise ValueError(f"it turns on what {name} stands for inside of forward")
        body = getattr(self._graphs, item.args[before].target).graph
        given = iter(item.args[before + 1 :])
        for inner in body.nodes:
            self._place[inner] = self._place[item]
            if inner.op == "placeholder":
                outer = next(given)
                self._arguments[inner] = self._argument(outer)
                self._root[inner] = self._root.get(outer, inner)
            elif inner.op == "call_function" and _label(inner.target) not in _BLOCKS:
                if _label(inner.target).partition(".")[0].endswith("_"):
                    raise ValueError(f"{_label(inner.target)} changes memory in a `with` block")
                self._call(inner)
            elif inner.op == "output":
                results = list(inner.args[0])
            else:
                raise ValueError("it has one `with` block in another")
        if name.endswith("set_grad_enabled"):
            for result in results:
                value = result.meta.get("val")
                if isinstance(value, torch.Tensor) and value.is_floating_point():
                    self._arguments[result] = self._detached(result)
        self._spliced[item] = results
        self._arguments[item] = tuple(self._arguments[result] for result in results)

    def _detached(self, item: Any) -> Ref:
        node = Node(
            f"n{len(self.nodes)}",
            op="aten.detach.default",
            module=_module(item),
            arguments={"self": self._arguments[item]},
            values=(self._value(item.meta["val"]),),
        )
        self.nodes.append(node)
        return Ref(node.name)

    def _given(self, item: Any) -> dict[str, Argument]:
        names = [argument.name for argument in item.target._schema.arguments]
        given = dict(zip(names, item.args, strict=False)) | dict(item.kwargs)
        return {name: self._argument(value) for name, value in given.items()}

    def _shares_with(self, item: Any, base: str) -> Any:
        views = any(result.alias_info for result in item.target._schema.returns)
        first = next((arg for arg in item.args if isinstance(arg, torch.fx.Node)), None)
        return self._root[first] if first is not None and (views or base in _MAY_ALIAS) else item

    def _in_place(self, item: Any, base: str, overload: str, given: dict[str, Argument]) -> None:
        """Compute beside, and let later readers read the result.

        That is the same only if nothing else looks at the changed memory, so all else is refused.
        """
        changed = item.args[0]
        name = f"{base}_"
        argument = self._arguments[changed]
        if isinstance(argument, Weight):
            if not argument.name.endswith("num_batches_tracked") or given.get("other") != 1:
                raise ValueError(f"{name} changes {argument.name} as it runs")
            self._counters.add(argument.name)
            return
        origin, root, now = self._origin.get(changed, changed), self._root[changed], item
        if isinstance(self._arguments.get(root), Weight):
            raise ValueError(f"{name} changes a weight as it runs")
        for other, other_root in self._root.items():
            if other_root is not root or self._origin.get(other, other) is origin:
                continue
            if any(self._place[user] > self._place[now] for user in other.users):
                raise ValueError(f"{name} changes memory that is also read as {other.name}")
        dtypes = {
            arg.meta["val"].dtype
            for arg in item.args
            if isinstance(arg, torch.fx.Node) and isinstance(arg.meta.get("val"), torch.Tensor)
        }
        if len(dtypes) > 1 and base != "masked_fill":
            raise ValueError(f"{name} mixes dtypes")
        self._add(item, f"aten.{base}.{overload}", given)
        self._root[item], self._origin[item] = root, origin
        for other in self._root:
            if self._origin.get(other, other) is origin:
                self._arguments[other] = self._arguments[item]

    def _add(self, item: Any, name: str, given: dict[str, Argument]) -> None:
        op = find(name)
        result = item.meta.get("val")
        several = isinstance(result, tuple | list)
        values = tuple(map(self._value, result if several else [result]))
        counter = ""
        mean = given.get("running_mean")
        if op.base == "batch_norm" and isinstance(mean, Weight):
            name_ = mean.name.rpartition("running_mean")[0] + "num_batches_tracked"
            if name_ in self._counters:
                self._counters.remove(name_)
                counter = name_
        node = Node(
            f"n{len(self.nodes)}",
            op=name,
            module=_module(item),
            arguments=ordered(name, _essential(op, _with_mode(op, self._named(item, given)))),
            values=values,
            counter=counter,
        )
        self.nodes.append(node)
        self._arguments[item] = Ref(node.name)
        self._root.setdefault(item, item)

    def _named(self, item: Any, given: dict[str, Argument]) -> dict[str, Argument]:
        """Call tied tensors as the module calls them that reads them, else by their first name."""
        start = f"{_module(item)}."

        def name(argument: Any) -> Any:
            if isinstance(argument, tuple):
                return tuple(map(name, argument))
            if not isinstance(argument, Weight) or argument.name not in self._ties:
                return argument
            names = self._ties[argument.name]
            own = (n for n in names if n.startswith(start) and "." not in n[len(start) :])
            return Weight(next(own, names[0]))

        return {key: name(argument) for key, argument in given.items()} if self._ties else given

    def _value(self, value: Any) -> Value:
        if isinstance(value, torch.Tensor):
            return Value(str(value.dtype)[6:], tuple(map(self._size, value.shape)))
        if isinstance(value, int | torch.SymInt) and not isinstance(value, bool):
            return Value("int", ())
        raise ValueError(f"an op gives a {type(value).__name__}")

    def _size(self, size: Any) -> int | str:
        if isinstance(size, int):
            return size
        # What torch found to be fixed after all is a number that looks like a symbol.
        text = str(size.node.expr)
        return int(text) if text.isdigit() else self._renumbered(text)

    def _renumbered(self, text: str) -> str:
        # Symbols are numbered as they appear, for equal modules to have equal networks.
        return _SYMBOL.sub(
            lambda found: self._symbols.setdefault(found[0], f"s{len(self._symbols)}"), text
        )

    def _argument(self, value: Any) -> Argument:
        if isinstance(value, torch.fx.Node):
            if value not in self._arguments:
                raise ValueError(f"it reads the result of {_label(value.target)}, which has none")
            return self._arguments[value]
        if isinstance(value, list | tuple):
            return tuple(map(self._argument, value))
        if isinstance(value, torch.dtype):
            return Constant("dtype", str(value)[6:])
        if isinstance(value, torch.layout):
            return Constant("layout", str(value)[6:])
        if isinstance(value, torch.memory_format):
            return Constant("memory_format", str(value)[6:])
        if isinstance(value, torch.device):
            return Device()
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise ValueError(f"an argument is a {type(value).__name__}")

    def _drop_unread(self) -> None:
        read = {leaf.node for leaf in self.outputs if isinstance(leaf, Ref)}
        kept = []
        for node in reversed(self.nodes):
            if node.name in read or node.kind != AUX:
                read.update(node.inputs)
                kept.append(node)
        self.nodes = kept[::-1]

    def _rename(self) -> None:
        drafts = [
            naming.Draft(node.module, node.op.split(".")[1], node.kind, node.parameters)
            for node in self.nodes
        ]
        chosen = naming.names(drafts, tuple(self.inputs))
        new = {node.name: name for node, name in zip(self.nodes, chosen, strict=True)}
        # An input may be called n0 too.
        new = {old: name for old, name in new.items() if old not in self.inputs}
        self.nodes = [
            replace(
                node,
                name=name,
                arguments={key: _renamed(value, new) for key, value in node.arguments.items()},
            )
            for node, name in zip(self.nodes, chosen, strict=True)
        ]
        self.outputs = [_renamed(leaf, new) for leaf in self.outputs]


def _renamed(argument: Any, new: dict[str, str]) -> Any:
    if isinstance(argument, tuple):
        return tuple(_renamed(item, new) for item in argument)
    if isinstance(argument, Ref):
        return Ref(new.get(argument.node, argument.node), argument.index)
    return argument


def _module(item: Any) -> str:
    stack = list(item.meta.get("nn_module_stack", {}).values())
    path = stack[-1][0] if stack and isinstance(stack[-1][0], str) else ""
    # A module that is called twice has @1 after its path.
    path = re.sub(r"@\d+", "", path)
    return "" if path.startswith("_empty_nn_module_stack") else path


def _does_nothing(base: str, item: Any) -> bool:
    value, args = item.meta.get("val"), item.args
    first = args[0].meta.get("val") if args and isinstance(args[0], torch.fx.Node) else None
    if not isinstance(value, torch.Tensor) or not isinstance(first, torch.Tensor):
        return False
    if base == "slice":
        start = args[2] if len(args) > 2 else None
        end = args[3] if len(args) > 3 else None
        return start in (None, 0) and end in (None, _SLICE_END) and len(args) < 5
    return base == "to" and value.dtype == first.dtype and not item.kwargs.get("copy")


def _with_mode(op: Op, given: dict[str, Argument]) -> dict[str, Argument]:
    flag = MODE_FLAGS.get(op.base)
    if flag not in given:
        return given
    value = given[flag]
    if op.base == "scaled_dot_product_attention":
        return {**given, flag: TrainOnly(value)} if isinstance(value, float) and value else given
    # Without running statistics those of the batch are used in both modes.
    if value is not True or ("running_mean" in given and given["running_mean"] is None):
        return given
    return {**given, flag: Training()}


def _essential(op: Op, given: dict[str, Argument]) -> dict[str, Argument]:
    defaults = {p.name: p.default for p in op.parameters if not p.required}
    return {
        name: value
        for name, value in given.items()
        if not (
            name in defaults and type(defaults[name]) is type(value) and defaults[name] == value
        )
        and not (name == "pin_memory" and value is False)
    }


def _label(target: Any) -> str:
    return str(getattr(target, "__name__", target))[:80]
