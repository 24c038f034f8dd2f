"""Let the weights of a layer follow when the number of channels before it was changed.

That is plain for layers whose weights have a size for what they read. A depthwise convolution and a
normalisation give as many channels as they read, so what reads them follows too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from modelhub.net.arguments import Argument, Ref, references
from modelhub.net.graph import Node, Shape
from modelhub.net.surgery.draft import Draft
from modelhub.net.surgery.edited import SurgeryError
from modelhub.net.surgery.weighing import Made, reshaped, shape_of

__all__ = ["Followed", "followed"]


@dataclass(frozen=True, slots=True)
class Followed:
    """The node, its new tensors, and whether what reads it may have to follow too."""

    node: Node
    tensors: tuple[Made, ...] = ()
    goes_on: bool = True


def followed(draft: Draft, node: Node, shapes: Mapping[Ref, Shape]) -> Followed:
    """Return a node that takes what it reads, if it is a layer whose weights can follow.

    Args:
        draft: The network.
        node: A node behind a change of channels.
        shapes: The shapes of what it reads.

    Raises:
        SurgeryError: its weights would have to follow and cannot.
    """
    follow = _FOLLOW.get(node.kind)
    reads = next((ref for ref in references(node.arguments) if draft.carries(ref.node)), None)
    if follow is None or reads is None:
        return Followed(node)
    return follow(draft, node, shapes[reads])


def _fixed(node: Node, size: int | str) -> int:
    if isinstance(size, str):
        raise SurgeryError(f"{node.name} ({node.kind}) reads {size} channels, which is not fixed")
    return size


def _conv(draft: Draft, node: Node, shape: Shape) -> Followed:
    weight = node.arguments["weight"]
    old, groups = shape_of(draft, weight), node.arguments.get("groups", 1)
    if old is None or not isinstance(groups, int) or len(shape) != len(old):
        return Followed(node)
    inside = _fixed(node, shape[1])
    if old[1] * groups == inside:
        return Followed(node)
    if groups > 1 and old[1] == 1:
        out = inside * (old[0] // groups)
        made = reshaped(draft, node, weight, (out, 1, *old[2:]))
        made += reshaped(draft, node, node.arguments.get("bias"), (out,), "zeros")
        arguments: dict[str, Argument] = {**node.arguments, "groups": inside}
        return Followed(replace(node, arguments=arguments), tuple(made))
    if inside % groups:
        raise SurgeryError(f"{node.name} has {groups} groups, which do not divide {inside}")
    made = reshaped(draft, node, weight, (old[0], inside // groups, *old[2:]))
    return Followed(node, tuple(made), goes_on=False)


def _transposed(draft: Draft, node: Node, shape: Shape) -> Followed:
    weight = node.arguments["weight"]
    old = shape_of(draft, weight)
    if old is None or len(shape) != len(old) or old[0] == shape[1]:
        return Followed(node)
    if node.arguments.get("groups", 1) != 1:
        raise SurgeryError(f"{node.name} has groups, so its channels cannot follow")
    made = reshaped(draft, node, weight, (_fixed(node, shape[1]), *old[1:]))
    return Followed(node, tuple(made), goes_on=False)


def _full(draft: Draft, node: Node, shape: Shape) -> Followed:
    if node.op != "aten.linear.default":
        return Followed(node)
    weight = node.arguments["weight"]
    old = shape_of(draft, weight)
    if old is None or len(old) != 2 or old[1] == shape[-1]:
        return Followed(node)
    made = reshaped(draft, node, weight, (old[0], _fixed(node, shape[-1])))
    return Followed(node, tuple(made), goes_on=False)


def _channel_norm(draft: Draft, node: Node, shape: Shape) -> Followed:
    made: list[Made] = []
    rules = {"weight": "ones", "bias": "zeros", "running_mean": "zeros", "running_var": "ones"}
    for key, rule in rules.items():
        argument = node.arguments.get(key)
        if shape_of(draft, argument) is not None:
            made += reshaped(draft, node, argument, (_fixed(node, shape[1]),), rule)
    groups = node.arguments.get("num_groups", 1)
    if made and isinstance(groups, int) and _fixed(node, shape[1]) % groups:
        raise SurgeryError(f"{node.name} has {groups} groups, which do not divide {shape[1]}")
    return Followed(node, tuple(made))


def _last_norm(draft: Draft, node: Node, shape: Shape) -> Followed:
    normalised = node.arguments.get("normalized_shape")
    if not isinstance(normalised, tuple) or len(normalised) != 1 or normalised[0] == shape[-1]:
        return Followed(node)
    size = _fixed(node, shape[-1])
    made = reshaped(draft, node, node.arguments.get("weight"), (size,), "ones")
    made += reshaped(draft, node, node.arguments.get("bias"), (size,), "zeros")
    arguments: dict[str, Argument] = {**node.arguments, "normalized_shape": (size,)}
    return Followed(replace(node, arguments=arguments), tuple(made))


def _recurrent(draft: Draft, node: Node, shape: Shape) -> Followed:
    params = node.arguments.get("params")
    if not isinstance(params, tuple) or len(shape) != 3:
        return Followed(node)
    per_end = 4 if node.arguments.get("has_biases") else 2
    first = params[0 : per_end * (2 if node.arguments.get("bidirectional") else 1) : per_end]
    made: list[Made] = []
    for weight in first:
        old = shape_of(draft, weight)
        if old is not None and old[1] != shape[2]:
            made += reshaped(draft, node, weight, (old[0], _fixed(node, shape[2])))
    return Followed(node, tuple(made), goes_on=not made)


_FOLLOW: dict[str, Callable[[Draft, Node, Shape], Followed]] = {
    "CONV": _conv,
    "CONV_TRANSPOSE": _transposed,
    "FULL": _full,
    **dict.fromkeys(("BN", "IN", "GN"), _channel_norm),
    **dict.fromkeys(("LN", "RMSNORM"), _last_norm),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
}
