"""Rules for the ops that add up products: linear, convolutions, matrix products, attention."""

from __future__ import annotations

import math
from typing import Any

from modelhub.optional import require
from modelhub.progressive.calls import Call
from modelhub.progressive.intervals import (
    Interval,
    add,
    multiply,
    outward,
    point,
    product,
    slack,
)
from modelhub.progressive.norms import softmax

__all__ = ["addmm", "attention", "convolution", "linear", "matmul"]

torch: Any = require("torch", "torch")


def linear(call: Call) -> Interval:
    """Bound `linear`."""
    x, w = call.interval("input"), call.interval("weight")
    return product(torch.nn.functional.linear, x, w, w.shape[-1], call.optional("bias"))


def convolution(call: Call) -> Interval:
    """Bound every convolution, also transposed: without its bias it is linear in both operands."""
    x, w = call.interval("input"), call.interval("weight")
    bias = call.optional("bias")
    if bias is not None:
        spatial = int(call.op.base[-2])
        bias = bias.map(lambda end: end.reshape(-1, *(1,) * spatial))

    def op(values: Any, kernel: Any) -> Any:
        return call.run_with({"input": values, "weight": kernel, "bias": None})

    # Of a transposed one: all input channels and places of the kernel, more than is needed.
    terms = math.prod(w.shape[2:]) * max(w.shape[0], w.shape[1])
    return product(op, x, w, terms, bias)


def matmul(call: Call) -> Interval:
    """Bound `matmul`, `mm` and `bmm`."""
    x = call.interval("self")
    other = "other" if call.op.base == "matmul" else "mat2"
    return product(torch.matmul, x, call.interval(other), x.shape[-1])


def addmm(call: Call) -> Interval:
    """Bound `addmm` and `baddbmm`: beta self + alpha x y."""
    names = ("mat1", "mat2") if call.op.base == "addmm" else ("batch1", "batch2")
    x, y = (call.interval(name) for name in names)
    found, added = product(torch.matmul, x, y, x.shape[-1]), call.interval("self")
    if call.get("alpha") != 1:
        found = multiply(found, point(float(call.get("alpha"))))
    if call.get("beta") != 1:
        added = multiply(added, point(float(call.get("beta"))))
    return add(added, found)


def attention(call: Call) -> Interval:
    """Bound scaled dot-product attention; what it gives is an average of values attended to."""
    if call.get("dropout_p") != 0.0:
        raise ValueError("dropout")
    query, key, value = (call.interval(name) for name in ("query", "key", "value"))
    if call.get("enable_gqa"):
        times = query.shape[-3] // key.shape[-3]
        key, value = (
            part.map(lambda end: end.repeat_interleave(times, -3)) for part in (key, value)
        )
    scale = call.get("scale")
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1])
    keys = key.map(lambda end: end.transpose(-2, -1))
    # Programs scale both operands by a root or the product by the whole; either is a few roundings.
    scores = product(torch.matmul, query, keys, query.shape[-1] + 8)
    scores = multiply(scores, point(float(scale)))
    scores, open_ = _masked(call, scores)
    shares = softmax(scores)
    if open_ is not None:
        shares = shares.map(lambda end: torch.where(open_, end, 0.0))
    found = product(torch.matmul, shares, value, value.shape[-2] + 8)
    # The shares are positive and add up to 1, but for their rounding.
    error = slack(8 * value.shape[-2] + 64, value.magnitude().amax(-2, keepdim=True))
    least, most = value.lo.amin(-2, keepdim=True), value.hi.amax(-2, keepdim=True)
    hull = outward(least, most, error)
    return Interval(torch.maximum(found.lo, hull.lo), torch.minimum(found.hi, hull.hi))


def _masked(call: Call, scores: Interval) -> tuple[Interval, Any]:
    """Return the scores with masks, and where one may look, or None for everywhere."""
    mask = call.get("attn_mask")
    open_: Any = None
    if isinstance(mask, Interval):
        open_ = mask.hi > -math.inf
        seen = mask.map(lambda end: torch.where(open_, end, 0.0))
        scores = add(scores, seen)
    elif mask is not None:
        open_ = mask
    if call.get("is_causal"):
        rows, columns = scores.shape[-2:]
        before = torch.ones(rows, columns, dtype=torch.bool, device=scores.lo.device).tril()
        open_ = before if open_ is None else open_ & before
    if open_ is None:
        return scores, None
    if not bool(open_.any(-1).all()):
        raise ValueError("a mask that leaves nothing")
    shut = torch.tensor(-math.inf, dtype=torch.float64, device=scores.lo.device)
    return scores.map(lambda end: torch.where(open_, end, shut)), open_
