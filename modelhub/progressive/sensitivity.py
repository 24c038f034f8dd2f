"""Estimate how far unread bits of the weights move a margin: to first order, and no proof.

If the unread bits are uniform and independent, a weight varies by its box's width over the square
root of 12 around the middle. To first order the margin z_a - z_b then has the variance

    sum over all weights of (d margin / d weight)^2 width^2 / 12,

of which one backward pass for each input gives the derivatives. A *score* is the margin in units of
that deviation. What the first order leaves out is not accounted for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelhub.optional import require

__all__ = ["deviations", "variances"]

torch: Any = require("torch", "torch")

# Gradients of all weights for each input of a chunk are in memory at once.
_GRADIENT_BYTES_MAX = 256 << 20

Answer = Callable[[Any], Any]


def variances(lo: Any, hi: Any) -> Any:
    """Return the variance of each weight whose box has these ends, in float32."""
    return ((hi - lo).double().square() / 12.0).float()


def deviations(
    module: Any,
    spans: Mapping[str, Any],
    given: Mapping[str, Any],
    pairs: Any,
    answer: Answer,
    *,
    batched: bool = True,
) -> Any:
    """Return the deviation of each margin, (B,) in float64.

    Args:
        module: With the middles of the boxes as its weights, in eval mode.
        spans: For each tensor of the module that was not read whole, its `variances`.
        given: The inputs by name, (B, ...).
        pairs: int64 (B, 2), the two classes whose margin it is.
        answer: Makes the values to compare, (N, C), of what the module gives.
        batched: Go through several inputs at once, which is faster for thousands: the first time
            torch takes seconds to get ready for it. Where an op cannot, it is one by one.
    """
    state = dict(module.named_parameters()) | dict(module.named_buffers())
    parts = {name: state[name].detach().requires_grad_() for name in spans}
    nbytes = sum(part.numel() * 4 for part in parts.values())
    size = max(1, _GRADIENT_BYTES_MAX // max(nbytes, 1))

    def margin(weights: Any, one: Any, pair: Any) -> Any:
        batch = {name: value.unsqueeze(0) for name, value in one.items()}
        values = answer(torch.func.functional_call(module, weights, kwargs=batch))[0]
        return (values[pair] * values.new_tensor([1.0, -1.0])).sum()

    found = []
    for begin in range(0, len(pairs), size if batched else 1):
        chunk = {name: value[begin : begin + size] for name, value in given.items()}
        of = pairs[begin : begin + size]
        if batched:
            try:
                found.append(_norms(_together(margin, parts, chunk, of), spans))
                continue
            except RuntimeError:
                # Some ops, recurrent ones among them, have no derivative for several inputs.
                rest = {name: value[begin:] for name, value in given.items()}
                alone = deviations(module, spans, rest, pairs[begin:], answer, batched=False)
                found.append(alone)
                break
        one = {name: value[begin] for name, value in given.items()}
        slopes = torch.autograd.grad(margin(parts, one, pairs[begin]), [*parts.values()])
        alone = {name: slope.unsqueeze(0) for name, slope in zip(parts, slopes, strict=True)}
        found.append(_norms(alone, spans))
    return torch.cat(found)


def _together(margin: Any, parts: Any, chunk: Any, pairs: Any) -> Any:
    functorch = torch._C._functorch
    # Without it torch would go through such ops one by one, slowly, with a warning for each.
    functorch._set_vmap_fallback_enabled(False)
    try:
        gradient = torch.func.grad(margin)
        return torch.func.vmap(gradient, in_dims=(None, 0, 0))(parts, chunk, pairs)
    finally:
        functorch._set_vmap_fallback_enabled(True)


def _norms(slopes: Mapping[str, Any], spans: Mapping[str, Any]) -> Any:
    total: Any = 0.0
    for name, slope in slopes.items():
        part = slope.detach().square() * spans[name]
        total = total + part.flatten(1).sum(1, dtype=torch.float64)
    return total.sqrt()
