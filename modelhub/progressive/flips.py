"""Search boxes for weights that change a label: the limit of what any method can certify.

An input whose label changes for some weights in the boxes has no certificate, whatever the method.
What the search does not find may still be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelhub.net.graph import Network
from modelhub.optional import require
from modelhub.progressive.calls import Call, lifted
from modelhub.progressive.intervals import Interval
from modelhub.progressive.margins import head
from modelhub.progressive.propagate import lifted_tensors
from modelhub.progressive.walk import as_tensor, device_of, walk

__all__ = ["flips"]

torch: Any = require("torch", "torch")

# Where a box has no end.
_FAR = 2.0**128


def flips(
    network: Network,
    weights: Mapping[str, Any],
    inputs: Mapping[str, Any],
    labels: Any,
    restarts: int = 3,
    steps: int = 4,
    seed: int = 0,
) -> Any:
    """Return for which inputs weights in the boxes were found that give another label, bool (N,).

    Each step takes all weights to the ends of their boxes that lower z_label - z_b most, by the
    sign of the gradient, for the label b that is nearest (Goodfellow, Shlens and Szegedy,
    Explaining and Harnessing Adversarial Examples, ICLR 2015, of weights instead of inputs). The
    first start is the middle of the boxes, the others are random corners. What is found is
    evaluated in float64.

    Args:
        network: With one output, (N, C) before a softmax.
        weights: As for `modelhub.progressive.propagate.propagate`.
        inputs: Exact inputs by name.
        labels: int64 (N,), such as `Labels.label`.
        restarts: Starts for each input.
        steps: Steps from each start.
        seed: Of the random corners.

    Raises:
        UnsupportedError: the network has several outputs, or none.
        KeyError: a weight or an input is missing.
    """
    search = _Search(network, weights, seed)
    device = device_of(search.boxes, search.exact)
    given = {name: _lower(lifted(as_tensor(x, device))) for name, x in inputs.items()}
    found = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
    for place, label in enumerate(labels.tolist()):
        one = {name: x[place : place + 1] for name, x in given.items()}
        found[place] = any(search.once(one, label, turn, steps) for turn in range(restarts))
    return found


class _Search:
    """A network in float64, and the boxes of those of its weights that are not exact."""

    def __init__(self, network: Network, weights: Mapping[str, Any], seed: int) -> None:
        ties = {tensor.name: tensor.tied for tensor in network.tensors if tensor.tied}
        held = lifted_tensors(network, weights)
        self.network = network
        self.values = head(network).values
        self.ties = {name: other for name, other in ties.items() if _is_box(held[other])}
        self.boxes = {
            n: x.map(lambda end: end.nan_to_num(posinf=_FAR, neginf=-_FAR))
            for n, x in held.items()
            if _is_box(x) and n not in self.ties
        }
        self.exact = {n: _lower(x) for n, x in held.items() if not _is_box(x)}
        self.random = torch.Generator().manual_seed(seed)

    def once(self, inputs: Mapping[str, Any], label: int, turn: int, steps: int) -> bool:
        """Search from one start for one input."""
        values = {name: self.start(box, turn) for name, box in self.boxes.items()}
        for _ in range(steps if values else 0):
            given = {name: x.requires_grad_() for name, x in values.items()}
            with torch.enable_grad():
                gap = self.gap(given, inputs, label)
            if float(gap.detach()) < 0.0:
                return True
            slopes = torch.autograd.grad(gap, list(given.values()), allow_unused=True)
            values = {
                name: x.detach() if slope is None else torch.where(slope > 0.0, box.lo, box.hi)
                for (name, box), x, slope in zip(
                    self.boxes.items(), given.values(), slopes, strict=True
                )
            }
        with torch.no_grad():
            return float(self.gap(values, inputs, label)) < 0.0

    def start(self, box: Interval, turn: int) -> Any:
        """Return the middle of a box, or a corner."""
        if not turn:
            return box.lo / 2 + box.hi / 2
        up = torch.rand(box.lo.shape, generator=self.random) < 0.5
        return torch.where(up.to(box.lo.device), box.hi, box.lo)

    def gap(self, values: Mapping[str, Any], inputs: Mapping[str, Any], label: int) -> Any:
        """Return z_label - z_b for the b that is nearest."""
        tensors = {**self.exact, **values}
        tensors |= {name: tensors[other] for name, other in self.ties.items()}
        (z,) = walk(self.network, tensors, inputs, [self.values], Call.run)
        rivals = z[0].detach().clone()
        rivals[label] = -torch.inf
        return z[0, label] - z[0, rivals.argmax()]


def _is_box(x: Any) -> bool:
    return isinstance(x, Interval) and not x.is_point


def _lower(x: Any) -> Any:
    return x.lo if isinstance(x, Interval) else x
