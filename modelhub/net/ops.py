"""Look an operation up in the allow-list, and check the arguments of a node against it.

An *op* is `aten.NAME.OVERLOAD`, or `sym.NAME` for sums over sizes. No op is ever found by asking
torch for a name out of a file.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelhub.net.arguments import (
    Argument,
    Constant,
    Device,
    Ref,
    Training,
    TrainOnly,
    Weight,
)
from modelhub.net.schemas import SCHEMAS

__all__ = ["MODE_FLAGS", "Op", "Parameter", "check_arguments", "find", "ordered", "table"]

# Arguments that follow the mode of the module, by the name of the operation.
MODE_FLAGS = {
    "batch_norm": "training",
    "instance_norm": "use_input_stats",
    "lstm": "train",
    "gru": "train",
    "rnn_tanh": "train",
    "rnn_relu": "train",
    "dropout": "train",
    "feature_dropout": "train",
    "alpha_dropout": "train",
    "feature_alpha_dropout": "train",
    "rrelu": "training",
    "scaled_dot_product_attention": "dropout_p",
}

# Sums over sizes, which torch.export writes as Python operators.
_SYMBOLIC = """
sym.size(Tensor self, int dim) -> int
sym.add(int a, int b) -> int
sym.sub(int a, int b) -> int
sym.mul(int a, int b) -> int
sym.floordiv(int a, int b) -> int
sym.mod(int a, int b) -> int
sym.neg(int a) -> int
"""

_LINE = re.compile(r"([\w.]+)\((.*)\) -> (\w+)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument that an op takes; `required` if it has no default."""

    name: str
    type: str
    required: bool
    default: Argument
    by_name: bool


@dataclass(frozen=True, slots=True)
class Op:
    """An operation; `result` is `Tensor`, `Tensors` (several, picked by index) or `int`."""

    name: str
    parameters: tuple[Parameter, ...]
    result: str

    @property
    def base(self) -> str:
        """The name without namespace and overload: `conv2d`."""
        return self.name.split(".")[1]


@functools.cache
def table() -> Mapping[str, Op]:
    """Return all allowed ops by name."""
    aten = [_op(f"aten.{line}") for line in SCHEMAS.replace("\n  ", " ").split("\n") if line]
    return {op.name: op for op in (*aten, *map(_op, _SYMBOLIC.split("\n")[1:-1]))}


def find(name: str) -> Op:
    """Return an allowed op.

    Raises:
        ValueError: it is not in the allow-list.
    """
    op = table().get(name)
    if op is None:
        raise ValueError(f"the op {name[:80]!r} is not one that a network may hold")
    return op


def ordered(name: str, arguments: Mapping[str, Argument]) -> dict[str, Argument]:
    """Return the arguments in the order in which the op takes them; unknown ones come last."""
    op = table().get(name)
    names = [p.name for p in op.parameters if p.name in arguments] if op else []
    return {key: arguments[key] for key in (*names, *(arguments.keys() - set(names)))}


def check_arguments(op: Op, arguments: Mapping[str, Argument]) -> None:
    """Check names, types and completeness of the arguments.

    Raises:
        ValueError: an argument is unknown, missing or of another type.
    """
    known = {parameter.name: parameter for parameter in op.parameters}
    for name, argument in arguments.items():
        parameter = known.get(name)
        if parameter is None:
            raise ValueError(f"{op.name} has no argument {name[:80]!r}")
        # Arithmetic with a number: torch makes a tensor of it.
        number = name == "other" and parameter.type == "Tensor" and _fits(argument, "Scalar")
        if not number and not _fits(argument, parameter.type):
            raise ValueError(f"the argument {name} of {op.name} is no {parameter.type}")
        flag = MODE_FLAGS.get(op.base) == name
        if isinstance(argument, Training | TrainOnly) and not flag:
            raise ValueError(f"the argument {name} of {op.name} does not follow the mode")
    missing = [p.name for p in op.parameters if p.required and p.name not in arguments]
    if missing:
        raise ValueError(f"{op.name} lacks the argument {missing[0]}")


def _fits(argument: Argument, type: str) -> bool:
    if type.endswith("?"):
        return argument is None or _fits(argument, type[:-1])
    if type.endswith("[]"):
        # ATen takes one number for a list of equal ones.
        if not isinstance(argument, tuple):
            return type in ("int[]", "float[]") and _fits(argument, type[:-2])
        return all(_fits(item, type[:-2]) for item in argument)
    is_int = isinstance(argument, int) and not isinstance(argument, bool)
    match type:
        case "Tensor":
            return isinstance(argument, Ref | Weight)
        case "int":
            return is_int or isinstance(argument, Ref)
        case "float":
            return is_int or isinstance(argument, float | TrainOnly)
        case "Scalar":
            return isinstance(argument, bool | int | float | Ref)
        case "bool":
            return isinstance(argument, bool | Training)
        case "str":
            return isinstance(argument, str)
        case "device":
            return isinstance(argument, Device)
        case _:
            return isinstance(argument, Constant) and argument.kind == type


def _op(line: str) -> Op:
    match = _LINE.fullmatch(line)
    if match is None:
        raise AssertionError(f"schema {line!r}")
    name, body, result = match.groups()
    parameters, by_name = [], False
    for text in re.split(r", (?![^\[]*\])", body):
        if text == "*":
            by_name = True
            continue
        word, _, rest = text.partition(" ")
        argument, given, default = rest.partition("=")
        parameters.append(
            Parameter(argument, word, not given, _default(default) if given else None, by_name)
        )
    return Op(name, tuple(parameters), result)


def _default(text: str) -> Argument:
    try:
        value: Any = ast.literal_eval(text)
    except ValueError:
        # A word of torch's own: the reduction `Mean`, `contiguous_format`.
        return Constant("memory_format", text)
    return tuple(value) if isinstance(value, list) else value
