"""The table of rules: for each op, how it takes intervals to an interval.

A rule gets a `Call` and returns an interval, an exact value, or a list of them where the op gives
several. It raises ValueError where it has no bounds. What is not in the table is unsupported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from modelhub.optional import require
from modelhub.progressive import products
from modelhub.progressive.calls import Call, lifted
from modelhub.progressive.functions import (
    absolute,
    falling,
    power,
    rising,
    softplus,
    valley,
    wave,
)
from modelhub.progressive.intervals import (
    Interval,
    add,
    divide,
    multiply,
    negative,
    outward,
    point,
    slack,
    square,
    subtract,
)
from modelhub.progressive.norms import batch_norm, layer_norm, log_softmax, rms_norm, softmax

__all__ = ["apply"]

torch: Any = require("torch", "torch")

Rule = Callable[[Call], Any]

_LIKE = "zeros_like ones_like full_like new_zeros new_ones new_full"
# Ops that need no value of their operands, and give numbers that float64 holds.
_MADE = f"{_LIKE} zeros ones full arange scalar_tensor to type_as where masked_fill"
# In eval mode these give what they get.
_SAME = "dropout feature_dropout alpha_dropout feature_alpha_dropout"
_COMPARED = "eq ne lt le gt ge isinf isnan argmax argmin"


def apply(call: Call) -> Any:
    """Return what an op gives of intervals and exact values.

    Raises:
        ValueError: there are no bounds for it; the text is the reason, or empty.
    """
    base = call.op.base
    found = call.intervals()
    if not found and base not in _SAME.split():
        return _exact(call)
    if call.op.result == "int":
        return call.run()
    rule = _RULES.get(base)
    if rule is not None:
        return rule(call)
    if base in _COMPARED.split():
        if all(x.is_point for x in found):
            return call.run()
        raise ValueError("it compares values that are not known exactly")
    raise ValueError("")


def _exact(call: Call) -> Any:
    value = call.run()
    if isinstance(lifted(value), Interval):
        steps = [v for v in call.arguments.values() if isinstance(v, float) and v % 1]
        if call.op.base not in _MADE.split() or (call.op.base == "arange" and steps):
            raise ValueError("it makes floats of whole numbers")
        return lifted(value)
    return value


def _ends(call: Call) -> Any:
    """Run an exact op that is monotone in all operands on both ends."""
    lo = call.run("lo")
    hi = lo if all(x.is_point for x in call.intervals()) else call.run("hi")
    if isinstance(lo, list | tuple):
        return [_pair(a, b) for a, b in zip(lo, hi, strict=True)]
    return _pair(lo, hi)


def _pair(lo: Any, hi: Any) -> Any:
    if lo.is_floating_point():
        return Interval(lo, hi)
    # Such as the place of a maximum; that it is not known is told to whoever reads it.
    return lo if lo is hi else None


def _average(call: Call) -> Interval:
    """Run an op that is a sum with weights of one sign, positive and together at most the count.

    Raises:
        ValueError: it divides by a number below 0.
    """
    if min(call.arguments.get("divisor_override") or 1, 1) < 0:
        raise ValueError("a negative divisor")
    x = call.interval(call.op.parameters[0].name)
    run = call.of(call.op.parameters[0].name)
    lo = run(x.lo)
    hi = lo if x.is_point else run(x.hi)
    terms = max(_window(call), math.ceil(x.lo.numel() / max(lo.numel(), 1)))
    return outward(lo, hi, slack(terms + 8, run(x.magnitude())))


def _window(call: Call) -> int:
    """Return how many operands a value of a pool has at most, or 0 if the shapes tell."""
    base = call.op.base
    x = call.interval(call.op.parameters[0].name)
    if base.startswith("avg_pool"):
        size, spatial = call.get("kernel_size"), int(base[-2])
        listed = size if isinstance(size, list) else [size]
        return math.prod(listed if len(listed) == spatial else listed * spatial)
    if base.startswith("adaptive"):
        size = call.get("output_size")
        size = size if isinstance(size, list) else [size] * int(base[-2])
        return math.prod(
            -(-have // want) + 1 for have, want in zip(x.shape[-len(size) :], size, strict=True)
        )
    if base.startswith("upsample"):
        # Weights come from places up to the size, so their rounding goes with it.
        return 8 * max(x.shape)
    return 0


def _add(call: Call) -> Interval:
    x, y = call.interval("self"), call.interval("other")
    alpha = call.get("alpha")
    if call.op.base == "rsub":
        x, y = y, x
        if alpha != 1:
            raise ValueError("alpha")
    if alpha != 1:
        y = multiply(y, point(float(alpha)))
    return add(x, y) if call.op.base == "add" else subtract(x, y)


def _multiply(call: Call) -> Interval:
    x, y = call.interval("self"), call.interval("other")
    return square(x) if x is y else multiply(x, y)


def _divide(call: Call) -> Interval:
    if "rounding_mode" in call.arguments and call.get("rounding_mode") is not None:
        raise ValueError("a division that rounds")
    return divide(call.interval("self"), call.interval("other"))


def _power(call: Call) -> Interval:
    exponent = call.get("exponent")
    if not isinstance(exponent, int | float) or not isinstance(call.get("self"), Interval):
        raise ValueError("a power that is not fixed")
    return power(call.of("self"), call.interval("self"), float(exponent))


def _valley(call: Call) -> Interval:
    name = call.op.base
    if name == "gelu" and call.get("approximate") == "tanh":
        name = "gelu_tanh"
    return valley(call.of("self"), name, call.interval("self"))


def _rising(call: Call) -> Interval:
    if call.op.base == "leaky_relu" and call.get("negative_slope") < 0:
        raise ValueError("a negative slope")
    if call.op.base in ("elu", "celu") and call.get("alpha") <= 0:
        raise ValueError("a negative alpha")
    if call.op.base == "elu" and min(call.get("scale"), call.get("input_scale")) <= 0:
        raise ValueError("a negative scale")
    return rising(call.of("self"), call.interval("self"))


def _exponential(call: Call) -> Interval:
    """Bound ELU, SELU and CELU; some programs subtract 1 from exp, which rounds a value near 0."""
    found = _rising(call)
    size = 2.0 if call.op.base == "selu" else float(call.get("alpha"))
    if call.op.base == "elu":
        size *= float(call.get("scale"))
    return outward(found.lo, found.hi, slack(8, torch.full_like(found.lo, size)))


def _softplus(call: Call) -> Interval:
    beta, threshold = float(call.get("beta")), float(call.get("threshold"))
    return softplus(call.of("self"), call.interval("self"), beta, threshold)


def _glu(call: Call) -> Interval:
    x, dim = call.interval("self"), call.get("dim")
    half = x.shape[dim] // 2
    gate = x.map(lambda end: end.narrow(dim, half, half))
    open_ = rising(torch.sigmoid, gate)
    return multiply(x.map(lambda end: end.narrow(dim, 0, half)), open_)


def _prelu(call: Call) -> Interval:
    x, slope = call.interval("self"), call.interval("weight")
    if slope.lo.numel() > 1:
        shape = (1, -1, *(1,) * (len(x.shape) - 2))
        slope = slope.map(lambda end: end.reshape(shape))
    below = multiply(x.map(lambda end: end.clamp(max=0.0)), slope)
    return add(x.map(torch.relu), below)


def _batch_norm(call: Call) -> Interval:
    if call.get("training") or call.get("running_mean") is None:
        raise ValueError("statistics of the batch")
    return batch_norm(
        call.interval("input"),
        call.interval("running_mean"),
        call.interval("running_var"),
        call.optional("weight"),
        call.optional("bias"),
        float(call.get("eps")),
    )


def _affine(x: Interval, weight: Interval | None, bias: Interval | None) -> Interval:
    x = x if weight is None else multiply(x, weight)
    return x if bias is None else add(x, bias)


def _layer_norm(call: Call) -> Interval:
    x, shape = call.interval("input"), call.get("normalized_shape")
    flat = x.map(lambda end: end.flatten(-len(shape)))
    if call.op.base == "rms_norm":
        eps = call.get("eps")
        found, bias = rms_norm(flat, None if eps is None else float(eps)), None
    else:
        found, bias = layer_norm(flat, float(call.get("eps"))), call.optional("bias")
    found = found.map(lambda end: end.reshape(x.shape))
    return _affine(found, call.optional("weight"), bias)


def _group_norm(call: Call) -> Interval:
    x, groups = call.interval("input"), call.get("num_groups")
    flat = x.map(lambda end: end.reshape(end.shape[0], groups, -1))
    found = layer_norm(flat, float(call.get("eps"))).map(lambda end: end.reshape(x.shape))
    shape = (1, -1, *(1,) * (len(x.shape) - 2))
    weight, bias = (
        None if part is None else part.map(lambda end: end.reshape(shape))
        for part in (call.optional("weight"), call.optional("bias"))
    )
    return _affine(found, weight, bias)


def _softmax(call: Call) -> Interval:
    dim = call.get("dim")
    x = call.interval("self").map(lambda end: end.movedim(dim, -1))
    rule = softmax if call.op.base == "softmax" else log_softmax
    return rule(x).map(lambda end: end.movedim(-1, dim))


def _unary(rule: Callable[[Interval], Interval]) -> Rule:
    return lambda call: rule(call.interval("self"))


def _unchanged(call: Call) -> Any:
    return call.get(call.op.parameters[0].name)


def _wave(call: Call) -> Interval:
    return wave(call.of("self"), call.interval("self"))


def _falling(call: Call) -> Interval:
    return falling(call.of("self"), call.interval("self"))


def _made(call: Call) -> Any:
    return lifted(call.run())


# Rules by the names of the ops that they are for.
_TABLE: tuple[tuple[Rule, str], ...] = (
    # They put values in other places, or repeat or drop them.
    (
        _ends,
        "view reshape unflatten flatten transpose permute t numpy_T mT movedim squeeze unsqueeze "
        "expand expand_as view_as reshape_as broadcast_to contiguous clone detach alias select "
        "slice narrow split split_with_sizes chunk unbind index index_select gather repeat "
        "repeat_interleave flip roll pixel_shuffle pixel_unshuffle channel_shuffle unfold im2col "
        "tril triu diagonal pad constant_pad_nd reflection_pad1d reflection_pad2d "
        "replication_pad1d replication_pad2d masked_fill where cat stack to type_as embedding "
        "upsample_nearest1d upsample_nearest2d upsample_nearest3d",
    ),
    # Monotone in each operand, and what they give is one of the numbers given, or exact.
    (
        _ends,
        "relu relu6 hardtanh clamp clamp_min clamp_max maximum minimum max_pool1d max_pool2d "
        "max_pool3d max_pool2d_with_indices adaptive_max_pool1d adaptive_max_pool2d "
        "adaptive_max_pool3d amax amin max min ceil floor round sign hardshrink",
    ),
    (_unchanged, _SAME),
    (_made, _LIKE),
    (
        _rising,
        "sigmoid tanh leaky_relu hardsigmoid log_sigmoid softshrink exp expm1 log log1p sqrt erf",
    ),
    (_exponential, "elu selu celu"),
    (_falling, "rsqrt reciprocal"),
    (_wave, "sin cos"),
    (_valley, "gelu silu hardswish mish"),
    (
        _average,
        "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
        "adaptive_avg_pool3d upsample_linear1d upsample_bilinear2d upsample_trilinear3d mean sum",
    ),
    (_add, "add sub rsub"),
    (_multiply, "mul"),
    (_divide, "div"),
    (_power, "pow"),
    (_unary(absolute), "abs"),
    (_unary(negative), "neg"),
    (_unary(square), "square"),
    (_softplus, "softplus"),
    (_glu, "glu"),
    (_prelu, "prelu"),
    (_batch_norm, "batch_norm"),
    (_group_norm, "group_norm"),
    (_layer_norm, "layer_norm rms_norm"),
    (_softmax, "softmax log_softmax"),
    (products.linear, "linear"),
    (products.convolution, "conv1d conv2d conv3d"),
    (products.convolution, "conv_transpose1d conv_transpose2d conv_transpose3d"),
    (products.matmul, "matmul mm bmm"),
    (products.addmm, "addmm baddbmm"),
    (products.attention, "scaled_dot_product_attention"),
)
_RULES = {name: rule for rule, names in _TABLE for name in names.split()}
