"""What the arguments of a node can be, and how each is written in JSON.

A *literal* is None, a bool, an int, a float or a short text. A *reference* (`Ref`) names a value
of another node; `Weight` names a tensor of the state dict or a constant. `Training` and `TrainOnly`
are flags that follow the module's mode, so that one graph serves both. Lists are tuples here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "DTYPES",
    "INT_MAX",
    "LIST_DEPTH_MAX",
    "LIST_LENGTH_MAX",
    "NAME_LENGTH_MAX",
    "TEXT_LENGTH_MAX",
    "Argument",
    "Constant",
    "Device",
    "Ref",
    "TrainOnly",
    "Training",
    "Weight",
    "check_name",
    "from_json",
    "references",
    "to_json",
    "walk",
    "weights",
]

# Limits, all far above what networks hold; they bound what a hostile file can cost.
NAME_LENGTH_MAX = 512
TEXT_LENGTH_MAX = 512
LIST_DEPTH_MAX = 3
LIST_LENGTH_MAX = 4096
INT_MAX = 2**63 - 1

# Dtypes by torch's names, with the bytes that one value takes.
DTYPES = {
    **dict.fromkeys(("bool", "int8", "uint8", "float8_e4m3fn", "float8_e5m2"), 1),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 8),
    "complex128": 16,
}
# The words that stand for torch's own constants, by the kind of constant.
_CONSTANTS = {
    "dtype": frozenset(DTYPES),
    "layout": frozenset({"strided"}),
    "memory_format": frozenset(
        {"contiguous_format", "preserve_format", "channels_last", "channels_last_3d"}
    ),
}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of another node or input; `index` picks one of several results."""

    node: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor of the state dict, or a constant of the network, by its full name."""

    name: str


@dataclass(frozen=True, slots=True)
class Training:
    """Whether the module is in train mode (a bool)."""


@dataclass(frozen=True, slots=True)
class TrainOnly:
    """`value` in train mode, 0.0 in eval mode."""

    value: float


@dataclass(frozen=True, slots=True)
class Constant:
    """One of torch's constants: `kind` is `dtype`, `layout` or `memory_format`."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Device:
    """The device that the module's inputs and weights are on when it runs."""


Argument = (
    None
    | bool
    | int
    | float
    | str
    | Ref
    | Weight
    | Training
    | TrainOnly
    | Constant
    | Device
    | tuple["Argument", ...]
)


def check_name(name: Any) -> str:
    """Return a name of a node, module or tensor: words of letters, digits, `_`, `-`, with dots.

    Raises:
        ValueError: it is anything else, or too long.
    """
    if not isinstance(name, str) or len(name) > NAME_LENGTH_MAX or not _NAME.fullmatch(name):
        raise ValueError(f"{_short(name)} is not a name of words joined by dots")
    return name


def to_json(argument: Argument) -> Any:
    """Return what stands for the argument in JSON; literals are themselves."""
    match argument:
        case tuple():
            return [to_json(item) for item in argument]
        case Ref(node, None):
            return {"n": node}
        case Ref(node, index):
            return {"n": node, "i": index}
        case Weight(name):
            return {"p": name}
        case Training():
            return {"mode": "training"}
        case TrainOnly(value):
            return {"train_only": value}
        case Constant(kind, value):
            return {kind: value}
        case Device():
            return {"device": "*"}
        case float() if not math.isfinite(argument):
            return {"float": str(argument)}
        case _:
            return argument


def from_json(value: Any, depth: int = 0) -> Argument:
    """Read what `to_json` made.

    Raises:
        ValueError: it is no argument, or breaks a limit.
    """
    if isinstance(value, list):
        if depth == LIST_DEPTH_MAX or len(value) > LIST_LENGTH_MAX:
            raise ValueError("a list in an argument is too deep or too long")
        return tuple(from_json(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, str) and len(value) > TEXT_LENGTH_MAX:
        raise ValueError("a text in an argument is too long")
    if isinstance(value, int) and abs(value) > INT_MAX:
        raise ValueError("a number in an argument is beyond 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number in an argument is beyond 64 bits")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{_short(value)} is not an argument")


def _object(value: dict[str, Any]) -> Argument:
    match value:
        case {"n": node, "i": int(index)} if len(value) == 2 and 0 <= index < LIST_LENGTH_MAX:
            return Ref(check_name(node), int(index))
        case {"n": node} if len(value) == 1:
            return Ref(check_name(node))
        case {"p": name} if len(value) == 1:
            return Weight(check_name(name))
        case {"mode": "training"} if len(value) == 1:
            return Training()
        case {"train_only": float(share)} if len(value) == 1 and 0.0 <= share <= 1.0:
            return TrainOnly(share)
        case {"device": "*"} if len(value) == 1:
            return Device()
        case {"float": "inf" | "-inf" | "nan" as text} if len(value) == 1:
            return float(text)
    if len(value) == 1:
        ((kind, word),) = value.items()
        if isinstance(word, str) and word in _CONSTANTS.get(kind, ()):
            return Constant(kind, word)
    raise ValueError(f"{_short(value)} is not an argument")


def walk(argument: Argument) -> Iterator[Argument]:
    """Yield the argument, or what its lists hold, in order."""
    if isinstance(argument, tuple):
        for item in argument:
            yield from walk(item)
    else:
        yield argument


def references(arguments: Mapping[str, Argument]) -> tuple[Ref, ...]:
    """Return the references in some arguments, in order, each once."""
    found = (item for argument in arguments.values() for item in walk(argument))
    return tuple(dict.fromkeys(item for item in found if isinstance(item, Ref)))


def weights(arguments: Mapping[str, Argument]) -> tuple[str, ...]:
    """Return the names of the tensors in some arguments, in order, each once."""
    found = (item for argument in arguments.values() for item in walk(argument))
    return tuple(dict.fromkeys(item.name for item in found if isinstance(item, Weight)))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
