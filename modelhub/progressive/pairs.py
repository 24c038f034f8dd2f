"""Lower bounds of z_a - z_b for pairs of labels, z being what a last linear layer gives.

The difference is one product with the difference of two rows of weights, so that what both have in
common counts once.
"""

from __future__ import annotations

from typing import Any

from modelhub.optional import require
from modelhub.progressive.ends import Layer, differences

__all__ = ["Pairs"]

torch: Any = require("torch", "torch")

# Numbers in the differences of all pairs, if they are made at once: 32 MiB.
_AT_ONCE = 1 << 22


class Pairs:
    """The differences of the rows of a layer whose operands are not negative."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._labels = len(layer.weight.lo)
        self._all: tuple[Any, Any] | None = None
        if self._labels**2 * 2 * layer.weight.lo.shape[1] <= _AT_ONCE:
            made = [self._of(label) for label in range(self._labels)]
            self._all = torch.cat([m[0] for m in made]), torch.cat([m[1] for m in made])

    def least(self, ends: Any, place: Any) -> Any:
        """Return lower bounds (N, C) of z_place - z_b for all b; infinity for the place itself.

        Args:
            ends: (N, 2 F), the ends of the layer's operands.
            place: int64 (N,).
        """
        count = len(place)
        linear = torch.nn.functional.linear
        # One product for all pairs is the quickest for few inputs, though most of it is not used.
        if self._all is not None and count <= 4 * self._labels:
            found = linear(ends, *self._all).view(count, self._labels, self._labels)
            index = place[:, None, None].expand(count, 1, self._labels)
            return found.gather(1, index)[:, 0]
        # Inputs of one label behind each other, so that each label takes one product.
        order = place.argsort()
        counts = place.bincount(minlength=self._labels).tolist()
        groups = [
            linear(rows, *self._of(label))
            for label, rows in enumerate(ends[order].split(counts))
            if len(rows)
        ]
        found = torch.cat(groups)
        return torch.empty_like(found).index_copy_(0, order, found)

    def _of(self, label: int) -> tuple[Any, Any]:
        if self._all is not None:
            part = slice(label * self._labels, (label + 1) * self._labels)
            return self._all[0][part], self._all[1][part]
        return differences(self._layer, label)
