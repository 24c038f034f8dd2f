"""Run single ops on torch's meta device, which has shapes and no values.

Imported through `modelhub.net.surgery.shapes` only, since it needs torch. A *form* is what is known
of a tensor there: its dtype, shape and strides.
"""

from __future__ import annotations

from typing import Any

from modelhub.net.arguments import DTYPES, Constant, Device, Training, TrainOnly
from modelhub.net.interpreter import function_of
from modelhub.net.ops import find
from modelhub.optional import require

__all__ = ["Form", "FormError", "Meta", "contiguous", "reserved"]

torch: Any = require("torch", "torch")

# Of floats these give what they take, laid out the same way. torch takes a millisecond to say so.
_SAME = frozenset(
    {
        "relu", "relu6", "hardtanh", "gelu", "silu", "sigmoid", "hardsigmoid", "tanh",
        "leaky_relu", "elu", "selu", "celu", "hardswish", "mish", "dropout", "feature_dropout",
    }
)  # fmt: skip

Form = tuple[str, tuple[int, ...], tuple[int, ...]]


class FormError(Exception):
    """An op does not take what it is given; the text is torch's reason, one line."""


def contiguous(dtype: str, shape: tuple[int, ...]) -> Form:
    """Return the form of a tensor in C order."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return dtype, shape, tuple(reversed(strides))


def reserved(part: str) -> bool:
    """Whether torch keeps a word from being the name of a module or tensor."""
    return hasattr(_MODULE, part) or part in ("_mh_modules", "_mh_tensors")


_MODULE = torch.nn.Module()


class Meta:
    """Runs ops; what an op gave is remembered by what it was given."""

    def __init__(self) -> None:
        self._memory: dict[Any, list[Any]] = {}

    def run(self, name: str, given: dict[str, Any]) -> list[Any]:
        """Return the forms, or the number, that an op gives.

        Args:
            name: The op's name.
            given: Arguments in the order of the op: forms, numbers, literals, tuples of these.

        Raises:
            FormError: it does not take them.
        """
        first = next(iter(given.values()), None)
        if name.split(".")[1] in _SAME and _is_float(first):
            return [first]
        key = (name, *((argument, _exact(item)) for argument, item in given.items()))
        found = self._memory.get(key)
        if found is None:
            found = self._memory[key] = _run(name, given)
        return found


def _is_float(form: Any) -> bool:
    return isinstance(form, tuple) and bool(form) and str(form[0]).startswith(("float", "bfloat"))


def _exact(item: Any) -> Any:
    # 1, 1.0 and True are equal, but not to torch.
    return item if isinstance(item, tuple) else (type(item), item)


def _run(name: str, given: dict[str, Any]) -> list[Any]:
    op = find(name)
    if name == "sym.size":
        _, shape, _ = given["self"]
        if not -len(shape) <= given["dim"] < len(shape):
            raise FormError(f"there is no dimension {given['dim']} of {len(shape)}")
        return [shape[given["dim"]]]
    positional = [p for p in op.parameters if not p.by_name]
    last = max((n for n, p in enumerate(positional) if p.name in given), default=-1)
    args = [_value(given.get(p.name, p.default)) for p in positional[: last + 1]]
    named = {p.name: _value(given[p.name]) for p in op.parameters if p.by_name and p.name in given}
    try:
        with torch.no_grad():
            result = function_of(op)(*args, **named)
    except Exception as error:  # torch raises errors of many classes for shapes that do not fit
        text = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise FormError(text[:160]) from error
    results = result if isinstance(result, list | tuple) else [result]
    return [_form(item) if isinstance(item, torch.Tensor) else int(item) for item in results]


def _form(tensor: Any) -> Form:
    return str(tensor.dtype)[6:], tuple(tensor.shape), tuple(tensor.stride())


def _value(item: Any) -> Any:
    match item:
        case (str(dtype), tuple(shape), tuple(strides)) if dtype in DTYPES:
            dtype = getattr(torch, dtype)
            return torch.empty_strided(shape, strides, dtype=dtype, device="meta")
        case tuple():
            return [_value(part) for part in item]
        case Training():
            return False
        case TrainOnly():
            return 0.0
        case Device():
            return "meta"
        case Constant(_, word):
            return getattr(torch, word)
    return item
