"""Arithmetic on host values: what exporters do to compute the shapes that Reshape and Expand take.

`run` works where all inputs are known; it returns None where the operator is not one of these, or
an input is computed, and then the operator becomes nodes of the network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from modelhub.net.onnx_graph import Stored
from modelhub.net.onnx_ops.call import Call, dtype_of

__all__ = ["COUNT_MAX", "known", "run"]

# Shapes have a few sizes; larger constants stay tensors, and hostile ones cost no memory here.
COUNT_MAX = 1 << 12


def known(value: Any) -> np.ndarray | None:
    """Return an input as a host value, where it is one that shape arithmetic is done on."""
    if isinstance(value, Stored):
        # What W has is a weight, if it holds fractions.
        fits = value.array.size <= COUNT_MAX and value.array.dtype.kind in "iub"
        return value.array if fits or not value.in_weights else None
    return value if isinstance(value, np.ndarray) else None


def run(call: Call) -> Any:
    """Return the result as a host value, or None."""
    if call.node.op == "Shape" or call.node.op == "Size":
        return _shape(call)
    function = _FUNCTIONS.get(call.node.op)
    if function is None:
        return None
    values = [None if value is None else known(value) for value in call.inputs]
    given = [value for value in call.inputs if value is not None]
    if len([value for value in values if value is not None]) != len(given) or not given:
        return None
    if any(value is not None and value.size > COUNT_MAX for value in values):
        return None
    result = function(call, values)
    if result is None or (isinstance(result, np.ndarray) and result.size > COUNT_MAX):
        return None
    return result if isinstance(result, np.ndarray) else _array(result)


def _array(value: Any) -> np.ndarray:
    """Return one number as an array without dimensions; numpy alone would ask a size its value."""
    if isinstance(value, np.generic):
        return np.asarray(value)
    found = np.empty((), object)
    found[()] = value
    return found


def _shape(call: Call) -> np.ndarray:
    value = call.raw(0)
    shape = value.array.shape if isinstance(value, Stored) else tuple(value.shape)
    if call.node.op == "Size":
        return _array(math.prod(shape))
    return np.array(shape[call.attribute("start", 0) : call.attribute("end")], object)


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Call, Any], Any]:
    return lambda _, values: function(values[0], values[1])


def _divide(left: Any, right: Any) -> Any:
    fractions = left.dtype.kind == "f" or right.dtype.kind == "f"
    return left / right if fractions else left // right


def _concat(call: Call, values: Any) -> Any:
    mixed = any(value.dtype == object for value in values)
    return np.concatenate(
        [value.astype(object) if mixed else value for value in values], call.attribute("axis", 0)
    )


def _axes(call: Call, values: Any) -> tuple[int, ...] | None:
    axes = values[1] if len(values) > 1 and values[1] is not None else call.attribute("axes")
    return None if axes is None else tuple(int(axis) for axis in np.asarray(axes).reshape(-1))


def _squeeze(call: Call, values: Any) -> Any:
    return np.squeeze(values[0], _axes(call, values))


def _unsqueeze(call: Call, values: Any) -> Any:
    return np.expand_dims(values[0], _axes(call, values) or ())


def _gather(call: Call, values: Any) -> Any:
    return np.take(values[0], values[1].astype(np.int64), call.attribute("axis", 0))


def _slice(call: Call, values: Any) -> Any:
    value = values[0]
    if value.ndim != 1:
        return None
    values = [*values, *[None] * (5 - len(values))]
    start = values[1] if values[1] is not None else np.asarray(call.attribute("starts"))
    end = values[2] if values[2] is not None else np.asarray(call.attribute("ends"))
    step = 1 if values[4] is None else int(values[4].reshape(-1)[0])
    bounds = [start.reshape(-1)[0], end.reshape(-1)[0]]
    if not all(isinstance(bound, int | np.integer) for bound in bounds):
        return None
    return value[int(bounds[0]) : int(bounds[1]) : step]


def _cast(call: Call, values: Any) -> Any:
    (value,) = values
    dtype = str(dtype_of(call.attribute("to", 1)))[6:]
    if value.dtype == object:
        if dtype in ("int64", "int32"):
            return value
        if not all(isinstance(item, int) for item in value.reshape(-1).tolist()):
            raise call.refuse("a size turned into another dtype")
    if not hasattr(np, "bool_" if dtype == "bool" else dtype):
        return None
    return value.astype(dtype)


def _fill(call: Call, values: Any) -> Any:
    sizes = values[0].reshape(-1).tolist()
    if not all(isinstance(size, int) for size in sizes) or math.prod(sizes) > COUNT_MAX:
        return None
    value = call.attribute("value", np.zeros(1, np.float32))
    return np.full(sizes, value.reshape(-1)[0], value.dtype)


def _range(_: Call, values: Any) -> Any:
    start, stop, step = (value.reshape(-1)[0] for value in values)
    if not all(isinstance(one, int | np.integer) for one in (start, stop, step)) or not step:
        return None
    if abs(int(stop) - int(start)) // abs(int(step)) > COUNT_MAX:
        return None
    return np.arange(int(start), int(stop), int(step))


def _where(_: Call, values: Any) -> Any:
    mixed = any(value.dtype == object for value in values[1:])
    chosen = [value.astype(object) if mixed else value for value in values[1:]]
    return np.where(values[0].astype(bool), *chosen)


def _reduce(function: Callable[..., Any]) -> Callable[[Call, Any], Any]:
    def run_it(call: Call, values: Any) -> Any:
        if values[0].dtype == object and values[0].ndim > 1:
            return None
        keep = bool(call.attribute("keepdims", 1))
        return function(values[0], _axes(call, values), keepdims=keep)

    return run_it


_FUNCTIONS: dict[str, Callable[[Call, Any], Any]] = {
    "Add": _binary(lambda a, b: a + b),
    "Sub": _binary(lambda a, b: a - b),
    "Mul": _binary(lambda a, b: a * b),
    "Div": _binary(_divide),
    "Mod": _binary(lambda a, b: a % b),
    "Equal": _binary(lambda a, b: a == b),
    "Less": _binary(lambda a, b: a < b),
    "Greater": _binary(lambda a, b: a > b),
    "Neg": lambda _, values: -values[0],
    "Not": lambda _, values: ~values[0].astype(bool),
    "Sqrt": lambda _, values: None if values[0].dtype == object else np.sqrt(values[0]),
    "Concat": _concat,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Gather": _gather,
    "Slice": _slice,
    "Cast": _cast,
    "Identity": lambda _, values: values[0],
    "Reshape": lambda _, values: (
        None if values[1].dtype == object else values[0].reshape(values[1].astype(np.int64))
    ),
    "ConstantOfShape": _fill,
    "Range": _range,
    "Where": _where,
    "ReduceProd": _reduce(np.prod),
    "ReduceSum": _reduce(np.sum),
    "ReduceMax": _reduce(np.max),
    "ReduceMin": _reduce(np.min),
}
