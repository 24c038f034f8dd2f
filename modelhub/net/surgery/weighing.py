"""Give weights of a layer another shape: they become fresh."""

from __future__ import annotations

import math

from modelhub.net.arguments import Argument, Weight
from modelhub.net.graph import Node, Tensor
from modelhub.net.surgery.building import uniform
from modelhub.net.surgery.draft import Draft
from modelhub.net.surgery.edited import Fresh, SurgeryError

__all__ = ["Made", "reshaped", "shape_of"]

Made = tuple[Tensor, Fresh]


def shape_of(draft: Draft, argument: Argument) -> tuple[int, ...] | None:
    """Return the shape of a weight, or None if the argument is none."""
    return draft.tensors[argument.name].shape if isinstance(argument, Weight) else None


def reshaped(
    draft: Draft, node: Node, argument: Argument, shape: tuple[int, ...], rule: str = "uniform"
) -> list[Made]:
    """Return a weight of a node in another shape, in a list; none if it has that shape already.

    Args:
        draft: The network.
        node: The node that reads the weight.
        argument: What the node reads; anything but a weight gives an empty list.
        shape: The new shape; of a `uniform` weight all but the first size count for its bound.
        rule: How it is made; see `Fresh`.

    Raises:
        SurgeryError: others have the weight too.
    """
    if not isinstance(argument, Weight) or draft.tensors[argument.name].shape == shape:
        return []
    name, old = argument.name, draft.tensors[argument.name]
    if len(draft.tied(name)) > 1 or draft.tensor_readers(name) > 1 or old.role == "constant":
        raise SurgeryError(
            f"the sizes of {node.name} cannot change, since it shares {name} with other layers"
        )
    bound = uniform(math.prod(shape[1:])) if rule == "uniform" else 0.0
    return [(Tensor(name, old.dtype, shape, old.role), Fresh(rule, bound, name))]
