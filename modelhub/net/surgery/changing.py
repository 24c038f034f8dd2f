"""Give an attribute of a layer another value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from modelhub.net.arguments import Argument, Ref, TrainOnly, Weight, references
from modelhub.net.graph import Node, Tensor, leaves
from modelhub.net.layers import attributes_of_node
from modelhub.net.ops import find, ordered
from modelhub.net.surgery import given
from modelhub.net.surgery.building import uniform
from modelhub.net.surgery.draft import Draft
from modelhub.net.surgery.edited import Fresh, SurgeryError
from modelhub.net.surgery.weighing import Made, reshaped, shape_of

__all__ = ["change"]


def change(draft: Draft, name: str, attribute: str, value: Any) -> None:
    """Give an attribute of a node another value.

    Raises:
        SurgeryError: there is no such node, the attribute cannot be changed, or not to this.
    """
    node = draft.node(name)
    rows = _CHANGES.get(node.kind, {})
    row = rows.get(attribute)
    if row is None:
        can = f"these can: {', '.join(rows)}" if rows else "none of its attributes can be"
        raise SurgeryError(f"{attribute[:40]!r} of {name} ({node.kind}) cannot be changed; {can}")
    before = attributes_of_node(node, draft.tensors).get(attribute)
    if before is not None and before == (tuple(value) if isinstance(value, list) else value):
        return
    was = "" if before is None else f", was {_text(before)}"
    row(draft, node, f"{attribute} of {name}", value)
    draft.notes[name] = f"{attribute} of {name} is now {_text(value)}{was}"


def _text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)[:40]


def _set(draft: Draft, node: Node, made: Sequence[Made] = (), **arguments: Argument) -> None:
    """Give a node other arguments; those that are the op's default are left out."""
    defaults = {p.name: p.default for p in find(node.op).parameters if not p.required}
    merged = {
        key: item
        for key, item in {**node.arguments, **arguments}.items()
        if key not in arguments
        or key not in defaults
        or type(defaults[key]) is not type(item)
        or defaults[key] != item
    }
    for tensor, fresh in made:
        draft.add_tensor(tensor, fresh=fresh)
    draft.set(replace(node, arguments=ordered(node.op, merged)))


def _weight(draft: Draft, node: Node) -> tuple[int, ...]:
    shape = shape_of(draft, node.arguments.get("weight"))
    if shape is None:
        raise SurgeryError(f"the weight of {node.name} is computed, so its sizes are not its own")
    return shape


def _numbers(argument: str, least: int) -> Callable[..., None]:
    def row(draft: Draft, node: Node, place: str, value: Any) -> None:
        if argument == "padding" and value in ("same", "valid") and node.kind == "CONV":
            op = f"{node.op.rpartition('.')[0]}.padding"
            _set(draft, replace(node, op=op), padding=value)
            return
        dims = next(int(digit) for digit in node.op if digit.isdigit())
        if argument == "padding" and node.op.endswith(".padding"):
            node = replace(node, op=f"{node.op.rpartition('.')[0]}.default")
        if f"adaptive_avg_pool{dims}d" in node.op or f"adaptive_max_pool{dims}d" in node.op:
            raise SurgeryError(f"{node.name} pools to a fixed size; replace it to give it {place}")
        found = given.sizes(place, value, dims, least)
        if argument == "kernel_size" and not node.arguments.get("stride"):
            # Without a stride a pool steps by its kernel, and goes on to do so as it did.
            _set(draft, node, kernel_size=found, stride=node.arguments["kernel_size"])
            return
        _set(draft, node, (), **{argument: found})

    return row


def _kernel(draft: Draft, node: Node, place: str, value: Any) -> None:
    old = _weight(draft, node)
    kernel = given.sizes(place, value, len(old) - 2)
    _set(draft, node, reshaped(draft, node, node.arguments["weight"], (*old[:2], *kernel)))


def _groups(draft: Draft, node: Node, place: str, value: Any) -> None:
    old, groups = _weight(draft, node), given.whole(place, value)
    before = node.arguments.get("groups", 1)
    inside = old[1] * (before if isinstance(before, int) else 1)
    if inside % groups or old[0] % groups:
        raise SurgeryError(f"{place} is {groups}, which must divide {inside} and {old[0]}")
    shape = (old[0], inside // groups, *old[2:])
    _set(draft, node, reshaped(draft, node, node.arguments["weight"], shape), groups=groups)


def _out(draft: Draft, node: Node, place: str, value: Any) -> None:
    old, out = _weight(draft, node), given.whole(place, value)
    groups = node.arguments.get("groups", 1)
    if isinstance(groups, int) and out % groups:
        raise SurgeryError(f"{place} is {out}, which {groups} groups do not divide")
    made = reshaped(draft, node, node.arguments["weight"], (out, *old[1:]))
    made += _bias(draft, node, out, uniform(math.prod(old[1:])))
    draft.grown.add(node.name)
    _set(draft, node, made)


def _in(draft: Draft, node: Node, place: str, value: Any) -> None:
    old, inside = _weight(draft, node), given.whole(place, value)
    groups = node.arguments.get("groups", 1)
    if not isinstance(groups, int) or inside % groups:
        raise SurgeryError(f"{place} is {inside}, which {groups} groups do not divide")
    shape = (old[0], inside // groups, *old[2:])
    _set(draft, node, reshaped(draft, node, node.arguments["weight"], shape))


def _bias(draft: Draft, node: Node, out: int, bound: float) -> list[Made]:
    made = reshaped(draft, node, node.arguments.get("bias"), (out,), "zeros")
    return [(tensor, Fresh("uniform", bound, tensor.name)) for tensor, _ in made]


def _transposed_out(draft: Draft, node: Node, place: str, value: Any) -> None:
    old, out = _weight(draft, node), given.whole(place, value)
    if node.arguments.get("groups", 1) != 1:
        raise SurgeryError(f"{node.name} has groups; replace it by another layer")
    made = reshaped(draft, node, node.arguments["weight"], (old[0], out, *old[2:]))
    made += _bias(draft, node, out, uniform(out * math.prod(old[2:])))
    draft.grown.add(node.name)
    _set(draft, node, made)


def _transposed_in(draft: Draft, node: Node, place: str, value: Any) -> None:
    old, inside = _weight(draft, node), given.whole(place, value)
    if node.arguments.get("groups", 1) != 1:
        raise SurgeryError(f"{node.name} has groups; replace it by another layer")
    shape = (inside, *old[1:])
    _set(draft, node, reshaped(draft, node, node.arguments["weight"], shape))


def _has_bias(draft: Draft, node: Node, place: str, value: Any) -> None:
    wanted, old = given.truth(place, value), _weight(draft, node)
    if not wanted:
        gone = node.arguments.get("bias")
        _set(draft, node, bias=None)
        draft.drop_tensors([gone.name] if isinstance(gone, Weight) else [])
        return
    weight = node.arguments["weight"]
    if not isinstance(weight, Weight):
        raise SurgeryError(f"the weight of {node.name} is computed")
    name = f"{weight.name.rpartition('.')[0]}.bias"
    if draft.has_module(name):
        raise SurgeryError(f"there is a tensor {name!r} already")
    tensor = Tensor(name, draft.tensors[weight.name].dtype, (old[0],))
    made = [(tensor, Fresh("uniform", uniform(math.prod(old[1:])), name))]
    _set(draft, node, made, bias=Weight(name))


def _table(place_of: int) -> Callable[..., None]:
    def row(draft: Draft, node: Node, place: str, value: Any) -> None:
        old, size = _weight(draft, node), given.whole(place, value)
        shape = (size, old[1]) if place_of == 0 else (old[0], size)
        made = reshaped(draft, node, node.arguments["weight"], shape, "normal")
        empty = node.arguments.get("padding_idx", -1)
        if isinstance(empty, int) and empty >= shape[0]:
            raise SurgeryError(f"{place} is {size}, but row {empty} is the one for padding")
        if isinstance(empty, int) and empty >= 0:
            made = [(t, replace(fresh, rule="table", row=empty)) for t, fresh in made]
        if place_of == 1:
            draft.grown.add(node.name)
        _set(draft, node, made)

    return row


def _mode(draft: Draft, node: Node, place: str, value: Any) -> None:
    if value not in ("MAX", "AVG"):
        raise SurgeryError(f'{place} is {str(value)[:40]!r}; expected "MAX" or "AVG"')
    base = node.op.split(".")[1]
    dilation = node.arguments.get("dilation", 1)
    plain = dilation if isinstance(dilation, tuple) else (dilation,)
    if value == "AVG" and set(plain) != {1}:
        raise SurgeryError(f"{node.name} has a dilation, which an average pool has not")
    if value == "MAX" and not {node.arguments.get("divisor_override")} <= {None}:
        raise SurgeryError(f"{node.name} has a divisor, which a maximum pool has not")
    old = "max_pool" if node.mode == "MAX" else "avg_pool"
    new = base.replace(old, f"{value.lower()}_pool").removesuffix("_with_indices")
    _swap(draft, node, f"aten.{new}.default")


def _global(draft: Draft, node: Node, place: str, value: Any) -> None:
    if not given.truth(place, value):
        raise SurgeryError(f"{node.name} needs a kernel then; replace it by a POOL that has one")
    dims = next(int(digit) for digit in node.op if digit.isdigit())
    op = f"aten.adaptive_{node.mode.lower()}_pool{dims}d.default"
    arguments: dict[str, Argument] = {"output_size": (1,) * dims}
    _swap(draft, replace(node, arguments={**node.arguments, **arguments}), op)


def _swap(draft: Draft, node: Node, op: str) -> None:
    """Give a node another op, with those of its arguments that the op has."""
    known = {parameter.name for parameter in find(op).parameters}
    arguments = {key: item for key, item in node.arguments.items() if key in known}
    many = find(op).result == "Tensors"
    old = draft.main(draft.nodes[node.name])
    new = Ref(node.name, 0 if many else None)
    value = node.values[0]
    values = (value, replace(value, dtype="int64")) if many else (value,)
    read = {ref for r in draft.readers(node.name) for ref in references(draft.nodes[r].arguments)}
    read |= {leaf for leaf in leaves(draft.outputs) if isinstance(leaf, Ref)}
    if any(ref.node == node.name and ref != old for ref in read):
        raise SurgeryError(f"{node.name} gives the places of its values too, and they are read")
    draft.set(replace(node, op=op, arguments=ordered(op, arguments), values=values))
    if old != new:
        draft.redirect(old, new)


def _plain(argument: str, check: Callable[[str, Any], Any], op: str = "") -> Callable[..., None]:
    def row(draft: Draft, node: Node, place: str, value: Any) -> None:
        if op and node.op.split(".")[1] != op:
            raise SurgeryError(f"{node.name} is a {node.op.split('.')[1]}, which has no {place}")
        _set(draft, node, (), **{argument: check(place, value)})

    return row


def _axis(draft: Draft, node: Node, place: str, value: Any) -> None:
    rank = len(node.values[0].shape)
    if not isinstance(value, int) or isinstance(value, bool) or not -rank <= value < rank:
        raise SurgeryError(f"{place} is {str(value)[:40]}; the value has {rank} dimensions")
    _set(draft, node, dim=value)


def _norm_groups(draft: Draft, node: Node, place: str, value: Any) -> None:
    channels = node.values[0].shape[1]
    groups = given.whole(place, value)
    if not isinstance(channels, int) or channels % groups:
        raise SurgeryError(f"{place} is {groups}, which must divide {channels}")
    _set(draft, node, num_groups=groups)


def _causal(draft: Draft, node: Node, place: str, value: Any) -> None:
    if node.arguments.get("attn_mask") is not None:
        raise SurgeryError(f"{node.name} has a mask of its own, which says what sees what")
    _set(draft, node, is_causal=given.truth(place, value))


def _attention_rate(draft: Draft, node: Node, place: str, value: Any) -> None:
    rate = given.fraction(place, value)
    _set(draft, node, dropout_p=TrainOnly(rate) if rate else 0.0)


_Row = Callable[[Draft, Node, str, Any], None]
_SPATIAL: dict[str, _Row] = {
    "stride": _numbers("stride", 1),
    "padding": _numbers("padding", 0),
    "dilation": _numbers("dilation", 1),
}
_EPS = _plain("eps", given.number)
_CHANGES: dict[str, dict[str, _Row]] = {
    "CONV": {**_SPATIAL, "kernel": _kernel, "groups": _groups, "out": _out, "in": _in,
             "bias": _has_bias},
    "CONV_TRANSPOSE": {**_SPATIAL, "kernel": _kernel, "out": _transposed_out,
                       "in": _transposed_in},
    "FULL": {"out": _out, "in": _in, "bias": _has_bias},
    "POOL": {**_SPATIAL, "kernel": _numbers("kernel_size", 1), "mode": _mode, "global": _global},
    "BN": {"eps": _EPS, "momentum": _plain("momentum", given.fraction)},
    "IN": {"eps": _EPS, "momentum": _plain("momentum", given.fraction)},
    "LN": {"eps": _EPS},
    "GN": {"eps": _EPS, "groups": _norm_groups},
    "RMSNORM": {"eps": _EPS},
    "DROPOUT": {"rate": _plain("p", given.fraction)},
    "SOFTMAX": {"axis": _axis},
    "CAT": {"axis": _axis},
    "LEAKY_RELU": {"slope": _plain("negative_slope", given.number, "leaky_relu")},
    "ELU": {"alpha": _plain("alpha", given.number, "elu")},
    "EMBED": {"in": _table(0), "out": _table(1)},
    "LSTM": {"rate": _plain("dropout", given.fraction)},
    "GRU": {"rate": _plain("dropout", given.fraction)},
    "RNN": {"rate": _plain("dropout", given.fraction)},
    "ATTN": {"causal": _causal, "rate": _attention_rate},
}  # fmt: skip
