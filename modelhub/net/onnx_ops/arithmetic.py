"""Operators that work value by value: arithmetic, comparison, activations."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from modelhub.net.onnx_graph import Stored
from modelhub.net.onnx_ops.call import Call, Function, dtype_of
from modelhub.optional import require

__all__ = ["FUNCTIONS"]

torch: Any = require("torch", "torch")
functional: Any = require("torch.nn.functional", "torch")

_SIXTH = 1 / 6


def _operand(call: Call, index: int) -> Any:
    """Return an input; a constant number outside W as a Python number."""
    value = call.raw(index)
    if isinstance(value, Stored) and value.in_weights:
        return call.tensor(index)
    array = call.known(index)
    if array is not None and array.size == 1 and array.ndim <= 1:
        return array.reshape(-1).tolist()[0]
    return call.tensor(index)


def _binary(function: Callable[[Any, Any], Any]) -> Function:
    def run(call: Call) -> Any:
        left, right = _operand(call, 0), _operand(call, 1)
        if not isinstance(left, torch.Tensor):
            left = call.tensor(0) if not isinstance(right, torch.Tensor) else left
        # A number has no dimensions to add, but a tensor of one value may have one more.
        ranks = [
            len(call.raw(i).array.shape) if isinstance(call.raw(i), Stored) else 0 for i in (0, 1)
        ]
        result = function(left, right)
        return result.reshape([1]) if result.ndim < max(ranks) else result

    return run


def _divide(left: Any, right: Any) -> Any:
    tensor = left if isinstance(left, torch.Tensor) else right
    if tensor.is_floating_point() or tensor.is_complex():
        return left / right
    return torch.div(left, right, rounding_mode="trunc")


def _modulo(call: Call) -> Any:
    if call.attribute("fmod", 0):
        raise call.refuse("fmod=1")
    return torch.remainder(call.tensor(0), _operand(call, 1))


def _many(function: Callable[[Any, Any], Any]) -> Function:
    return lambda call: functools.reduce(
        function, [call.tensor(index) for index in range(len(call.inputs))]
    )


def _unary(function: Callable[[Any], Any]) -> Function:
    return lambda call: function(call.tensor(0))


def _power(call: Call) -> Any:
    exponent = call.known(1)
    if exponent is not None and exponent.size == 1:
        return torch.pow(call.tensor(0), exponent.reshape(-1).tolist()[0])
    return torch.pow(call.tensor(0), call.tensor(1))


def _clip(call: Call) -> Any:
    bounds: list[Any] = []
    for index, name in ((1, "min"), (2, "max")):
        array = call.known(index)
        if call.has(index) and (array is None or array.size != 1):
            raise call.refuse(f"a computed {name}")
        number = call.attribute(name) if array is None else array.reshape(-1).tolist()[0]
        bounds.append(number)
    value = call.tensor(0)
    if bounds == [0.0, 6.0]:
        return functional.relu6(value)
    if bounds == [None, None]:
        return value.clone()
    return torch.clamp(value, *bounds)


def _prelu(call: Call) -> Any:
    value, slope = call.tensor(0), call.tensor(1)
    # torch wants one slope for each channel, ONNX whatever broadcasts.
    plain = slope.numel() == 1 or (
        slope.ndim == value.ndim - 1 and slope.numel() == slope.shape[0] == value.shape[1]
    )
    if plain:
        return functional.prelu(value, slope if slope.ndim == 1 else slope.reshape(-1))
    return torch.where(value < 0, value * slope, value)


def _hard_sigmoid(call: Call) -> Any:
    alpha, beta = call.attribute("alpha", 0.2), call.attribute("beta", 0.5)
    if abs(alpha - _SIXTH) < 1e-6 and beta == 0.5:
        return functional.hardsigmoid(call.tensor(0))
    return torch.clamp(call.tensor(0) * alpha + beta, 0.0, 1.0)


def _softmax(function: Callable[..., Any]) -> Function:
    def run(call: Call) -> Any:
        value = call.tensor(0)
        newer = call.opset >= 13
        axis = call.axis(value.ndim, -1 if newer else 1)
        if newer or axis == value.ndim - 1:
            return function(value, dim=axis)
        # Older operator sets take all dimensions from the axis on as one.
        return function(value.flatten(axis), dim=axis).reshape(value.shape)

    return run


def _cast(call: Call) -> Any:
    return call.tensor(0).to(dtype_of(call.attribute("to", 0)))


def _threshold(call: Call) -> Any:
    return functional.threshold(call.tensor(0), call.attribute("alpha", 1.0), 0.0)


def _is_inf(call: Call) -> Any:
    call.only(detect_negative=1, detect_positive=1)
    return torch.isinf(call.tensor(0))


def _where(call: Call) -> Any:
    return torch.where(call.tensor(0), _number(call, 1), _number(call, 2))


def _number(call: Call, index: int) -> Any:
    array = call.known(index)
    other = call.known(3 - index)
    # With two numbers torch would choose a dtype of its own.
    if array is not None and array.size == 1 and array.ndim == 0 and other is None:
        return array.tolist()
    return call.tensor(index)


def _with(function: Callable[..., Any], **names: tuple[str, float]) -> Function:
    """Return a function whose keywords are attributes: keyword=(attribute, default)."""

    def run(call: Call) -> Any:
        given = {key: call.attribute(name, default) for key, (name, default) in names.items()}
        return function(call.tensor(0), **given)

    return run


def _gelu(call: Call) -> Any:
    return functional.gelu(call.tensor(0), approximate=call.attribute("approximate", "none"))


def _swish(call: Call) -> Any:
    call.only(alpha=1.0)
    return functional.silu(call.tensor(0))


def _selu(call: Call) -> Any:
    alpha, gamma = (
        call.attribute("alpha", 1.67326319217681),
        call.attribute("gamma", 1.05070102214813),
    )
    if abs(alpha - 1.6732632) > 1e-6 or abs(gamma - 1.0507010) > 1e-6:
        raise call.refuse("an alpha or gamma of its own")
    return functional.selu(call.tensor(0))


FUNCTIONS: dict[str, Function] = {
    "Add": _binary(lambda a, b: a + b),
    "Sub": _binary(lambda a, b: a - b),
    "Mul": _binary(lambda a, b: a * b),
    "Div": _binary(_divide),
    "Mod": _modulo,
    "Pow": _power,
    "Equal": _binary(lambda a, b: a == b),
    "Less": _binary(lambda a, b: a < b),
    "LessOrEqual": _binary(lambda a, b: a <= b),
    "Greater": _binary(lambda a, b: a > b),
    "GreaterOrEqual": _binary(lambda a, b: a >= b),
    "And": lambda call: torch.logical_and(call.tensor(0), call.tensor(1)),
    "Or": lambda call: torch.logical_or(call.tensor(0), call.tensor(1)),
    "Not": _unary(torch.logical_not),
    "Sum": _many(torch.add),
    "Min": _many(torch.minimum),
    "Max": _many(torch.maximum),
    "Where": _where,
    "Cast": _cast,
    "CastLike": lambda call: call.tensor(0).to(call.tensor(1).dtype),
    "Identity": _unary(lambda value: value.clone()),
    "Clip": _clip,
    "Abs": _unary(torch.abs),
    "Neg": _unary(torch.neg),
    "Exp": _unary(torch.exp),
    "Log": _unary(torch.log),
    "Sqrt": _unary(torch.sqrt),
    "Reciprocal": _unary(torch.reciprocal),
    "Floor": _unary(torch.floor),
    "Ceil": _unary(torch.ceil),
    "Round": _unary(torch.round),
    "Sign": _unary(torch.sign),
    "Sin": _unary(torch.sin),
    "Cos": _unary(torch.cos),
    "Erf": _unary(torch.erf),
    "IsNaN": _unary(torch.isnan),
    "IsInf": _is_inf,
    "Relu": _unary(torch.relu),
    "LeakyRelu": _with(functional.leaky_relu, negative_slope=("alpha", 0.01)),
    "PRelu": _prelu,
    "Elu": _with(functional.elu, alpha=("alpha", 1.0)),
    "Celu": _with(functional.celu, alpha=("alpha", 1.0)),
    "Selu": _selu,
    "ThresholdedRelu": _threshold,
    "Sigmoid": _unary(torch.sigmoid),
    "Tanh": _unary(torch.tanh),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _unary(functional.hardswish),
    "Gelu": _gelu,
    "Swish": _swish,
    "Mish": _unary(functional.mish),
    "Softplus": _unary(functional.softplus),
    "Softsign": _unary(lambda value: value / (torch.abs(value) + 1.0)),
    "Softmax": _softmax(functional.softmax),
    "LogSoftmax": _softmax(functional.log_softmax),
}
