"""Margins by going backwards: what one pass forward leaves undecided, a pass back may prove.

A pass forward takes the values of a layer for independent, so that what they have in common is lost
at every layer. Going back from a difference z_a - z_b keeps it as one linear function of the values
of a layer, below which the difference never is (Zhang and others, Efficient Neural Network
Robustness Certification with General Activation Functions, NeurIPS 2018). Weights are in boxes
here: for values that are not negative, A w for w in [a, b] is at least the smaller of A a and A b,
which takes its place. Rounding goes into the boxes as in `modelhub.progressive.ends`.

It costs two passes of one input for each pair of labels that is in doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelhub.optional import require
from modelhub.progressive.ends import Layer, halves, relative
from modelhub.progressive.intervals import TINY, UNIT, Interval, point, slack
from modelhub.progressive.margins import Labels, Logits, least_differences
from modelhub.progressive.nodes import literal, with_literals
from modelhub.progressive.plan import EXACT, Step
from modelhub.progressive.prepare import Prepared, Trace
from modelhub.progressive.walk import multiplying_first

__all__ = ["crown_margins", "worth_going_back"]

torch: Any = require("torch", "torch")

# Pairs of labels that go back together: their values should fit a cache.
_PAIRS = 64
# Going back proved no label whose margin a pass forward put further below zero than twice what the
# middle of its bounds has above: seen on perceptrons of 8 layers and image networks of 5 to 14.
_HOPE = 2.0


def worth_going_back(bounds: Logits, found: Labels) -> Any:
    """Return which labels are undecided and not without hope, truths (N,).

    Args:
        bounds, found: What `Prepared.logits` and `margins.labels` gave.
    """
    middle = bounds.values.lo / 2 + bounds.values.hi / 2
    two = middle.topk(2, dim=-1).values
    # What is no number compares as false.
    return (found.margin <= 0.0) & (found.margin >= -_HOPE * (two[:, 0] - two[:, 1]))


def crown_margins(
    prepared: Prepared, inputs: Mapping[str, Any], labels: Any, bar: float | None = 0.0
) -> Any:
    """Return the least proved z_label - z_b over all other b, float64 (N,).

    The pair of labels in most doubt goes first, and the others of an input only if that helps: an
    input of which the margin stays at or below the bar is not looked at further.

    Args:
        prepared: A network made ready.
        inputs: As for `Prepared.logits`.
        labels: int64 (N,), such as `Labels.label`.
        bar: The margin that is wanted, such as the guard of `labels`; None for the best margins.

    Raises:
        UnsupportedError: no bounds are known for a node, or the values are not (N, C).
        KeyError: an input is missing.
    """
    labels = labels.to(prepared.device)
    with multiplying_first(prepared.device):
        traced = prepared.trace(inputs)
        bounds = prepared.logits(inputs) if traced is None else traced.bounds
        least = least_differences(bounds, labels)
        if traced is None:
            return least.amin(-1)
        if bar is None:
            _improve(traced, least, labels, least < torch.inf)
            return least.amin(-1)
        first = torch.zeros_like(least, dtype=torch.bool)
        first.scatter_(1, least.argmin(1, keepdim=True), True)
        doubtful = least <= bar
        _improve(traced, least, labels, doubtful & first)
        helped = (least > bar) & first
        _improve(traced, least, labels, doubtful & ~first & helped.any(1, keepdim=True))
        return least.amin(-1)


def _improve(traced: Trace, least: Any, labels: Any, pairs: Any) -> None:
    """Raise lower bounds of some pairs, given as truths (N, C)."""
    rows, rivals = pairs.nonzero(as_tuple=True)
    for start in range(0, len(rows), _PAIRS):
        place = rows[start : start + _PAIRS], rivals[start : start + _PAIRS]
        back = _Backward(traced, place[0])
        found = back.run(labels[place[0]], place[1])
        least[place] = torch.maximum(least[place], found)


class _Backward:
    """Lower bounds on their way back, one for each pair: sum of coefficients x values + const."""

    def __init__(self, traced: Trace, rows: Any) -> None:
        self.traced = traced
        self.plan = traced.plan
        self.values = traced.values
        self.rows = rows
        self.const = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
        self.coefficients: dict[int, Any] = {}
        self.exact = {p for n, p in self.plan.places.items() if self.plan.forms[n] == EXACT}

    def run(self, labels: Any, rivals: Any) -> Any:
        """Return lower bounds of z_label - z_rival."""
        layer = self.traced.layer
        w, size = layer.weight, layer.weight.magnitude()
        error = (size[labels] + size[rivals]) * relative(2 * layer.terms) + TINY
        self.coefficients[self.traced.operand] = w.lo[labels] - w.hi[rivals] - error
        if layer.bias is not None:
            self.const += layer.bias.lo[labels] - layer.bias.hi[rivals]
        sizes = layer.size[labels] + layer.size[rivals]
        self.const -= sizes * relative(2 * layer.terms) + TINY
        for step in (step for part in reversed(self.plan.parts) for step in reversed(part.steps)):
            coefficients = self.coefficients.pop(step.target, None)
            if coefficients is None:
                continue
            rule = _RULES.get(step.kind)
            if rule is None or not rule(self, step, coefficients):
                self.end(step.target, coefficients)
        for place, coefficients in self.coefficients.items():
            self.end(place, coefficients)
        return torch.nan_to_num(self.const, nan=-torch.inf, posinf=-torch.inf, neginf=-torch.inf)

    def ends_of(self, place: int) -> Interval:
        """Return the bounds of a value for the input of each pair."""
        value = self.values[place]
        if not isinstance(value, Interval):
            value = point(value) if place in self.exact else halves(value)
        return value.map(lambda end: end[self.rows])

    def add(self, values: Any, sizes: Any) -> None:
        """Add sums of products to the constants, less their rounding; both (pairs, ...)."""
        terms = values[0].numel()
        total, size = values.flatten(1).sum(1), sizes.flatten(1).sum(1)
        self.const = self.const + total
        self.const = self.const - slack(terms, size + total.abs() + self.const.abs())

    def end(self, place: int, coefficients: Any) -> None:
        """Take the least value that bounds allow."""
        x = self.ends_of(place)
        above, below = coefficients.clamp(min=0.0), coefficients.clamp(max=0.0)
        self.add(above * x.lo + below * x.hi, coefficients.abs() * x.magnitude())

    def pass_on(self, place: int, coefficients: Any) -> None:
        """Give coefficients to a value, which may have some from another reader."""
        held = self.coefficients.get(place)
        if held is not None:
            coefficients = held + coefficients
            size = coefficients.abs() * self.ends_of(place).magnitude()
            self.add(-4.0 * UNIT * size, size * UNIT)
        self.coefficients[place] = coefficients


def _product(back: _Backward, step: Step, coefficients: Any) -> bool:
    """Go through a linear layer or a convolution, whose operand is not negative."""
    (source,) = step.sources
    made = back.plan.backward.get(step.target)
    if made is None:
        layer = next(x for n, x in back.plan.layers.items() if back.plan.places[n] == step.target)
        made = back.plan.backward[step.target] = _ready(layer)
    weight, low, high = made
    padding = literal(step.node, "padding") if weight.dim() > 2 else [0]
    if source in back.exact or weight.dim() not in (2, 4) or not isinstance(padding, list):
        return False
    above, below = coefficients.clamp(min=0.0), coefficients.clamp(max=0.0)
    both = torch.cat([above, below], 1)
    if weight.dim() == 2:
        found = both @ weight
    else:
        shape = (len(both), weight.shape[1], *back.ends_of(source).shape[2:])
        stride, dilation = literal(step.node, "stride"), literal(step.node, "dilation")
        found = torch.nn.grad.conv2d_input(shape, weight, both, stride, padding, dilation)
    # Where all places of a channel have one bias, their coefficients add up first.
    above, below = (part.flatten(2).sum(2) if part.dim() > 2 else part for part in (above, below))
    terms = coefficients[0].numel()
    size = (above - below) * torch.maximum(low.abs(), high.abs())
    back.add(above * low + below * high - size * relative(terms), size)
    back.pass_on(source, found)
    return True


def _ready(layer: Layer) -> tuple[Any, Any, Any]:
    """Return weights (2 O, C, ...) for coefficients above and below 0, and the ends of biases."""
    kernel = layer.weight.lo[0, 0].numel()
    rough = relative(layer.terms) + relative(2 * kernel * len(layer.weight.lo))
    error = layer.weight.magnitude() * rough + TINY
    shift = layer.size * relative(2 * layer.terms) + TINY
    low, high = -shift, shift
    if layer.bias is not None:
        low, high = layer.bias.lo - shift, layer.bias.hi + shift
    return torch.cat([layer.weight.lo - error, layer.weight.hi + error]), low, high


def _relu(back: _Backward, step: Step, coefficients: Any) -> bool:
    """Go through max(y, 0) for y in [l, u]: it is above 0 and y, and below a line from l to u."""
    y = back.ends_of(step.sources[0])
    dead, open_ = y.hi <= 0.0, (y.lo < 0.0) & (y.hi > 0.0)
    least = torch.where(y.lo < 0.0, (y.hi > -y.lo).double(), 1.0).masked_fill(dead, 0.0)
    steep = (y.hi / (y.hi - y.lo)) * (1.0 + 8.0 * UNIT)
    slope = torch.where(open_, steep, least)
    # Above by the rounding of slope times coefficient, too; a line that is too high still holds.
    height = -slope * y.lo * (1.0 + 8.0 * UNIT) + 4.0 * UNIT * slope * y.magnitude() + TINY
    height = torch.where(open_, height, 0.0)
    above, below = coefficients.clamp(min=0.0), coefficients.clamp(max=0.0)
    back.add(below * height, below.abs() * height.abs())
    back.pass_on(step.sources[0], above * least + below * slope)
    return True


def _sum(back: _Backward, step: Step, coefficients: Any) -> bool:
    """Go through a sum, which the reference rounds."""
    x, y = (back.ends_of(place) for place in step.sources)
    size = coefficients.abs() * (x.magnitude() + y.magnitude())
    back.add(-4.0 * UNIT * size, size * UNIT)
    for place in step.sources:
        back.pass_on(place, coefficients)
    return True


def _average(back: _Backward, step: Step, coefficients: Any) -> bool:
    """Go through an average over places of values that are not negative."""
    (source,) = step.sources
    x = back.ends_of(source)
    run, terms = with_literals(step.node), x.lo[0].numel()
    # Not torch.func.vjp, at whose first use torch imports what takes seconds.
    with torch.enable_grad():
        at = torch.zeros_like(x.lo, requires_grad=True)
        made = run(at)
        (found,) = torch.autograd.grad(made, at, coefficients, retain_graph=True)
        (size,) = torch.autograd.grad(made, at, coefficients.abs())
    back.add(-TINY * coefficients.abs(), TINY * coefficients.abs())
    back.pass_on(source, found - size * relative(2 * terms) - TINY)
    return True


def _flat(back: _Backward, step: Step, coefficients: Any) -> bool:
    (source,) = step.sources
    shape = back.ends_of(source).shape
    back.pass_on(source, coefficients.reshape(shape))
    return True


def _max_pool(back: _Backward, step: Step, coefficients: Any) -> bool:
    """Go through max_pool2d, with windows that do not overlap, as the place surely largest.

    The largest is at least the value with the largest lower end. It is at most the largest upper
    end, or that value if no other can be larger.
    """
    node, (source,) = step.node, step.sources
    size, stride = literal(node, "kernel_size"), literal(node, "stride")
    if stride not in ([], size) or literal(node, "padding") not in (0, [0], [0, 0]):
        return False
    if literal(node, "dilation") not in (1, [1], [1, 1]) or literal(node, "ceil_mode"):
        return False
    x = back.ends_of(source)
    pool = torch.nn.functional.max_pool2d
    least, index = pool(x.lo, size, return_indices=True)
    flat = index.flatten(2)
    others = x.hi.flatten(2).scatter(2, flat, -torch.inf).view(x.hi.shape)
    sure = pool(others, size) <= least
    above, below = coefficients.clamp(min=0.0), coefficients.clamp(max=0.0)
    most = pool(x.hi, size)
    loose = below.masked_fill(sure, 0.0)
    back.add(loose * most, loose.abs() * most.abs())
    kept = above + below.masked_fill(~sure, 0.0)
    found = torch.zeros_like(x.lo.flatten(2)).scatter(2, flat, kept.flatten(2))
    back.pass_on(source, found.view(x.lo.shape))
    return True


_RULES = {
    "product": _product,
    "relu": _relu,
    "sum": _sum,
    "average": _average,
    "flat": _flat,
    "same": _flat,
    "max_pool2d": _max_pool,
}
