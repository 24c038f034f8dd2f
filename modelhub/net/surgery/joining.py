"""Take an edge out: what joins several values does with one less."""

from __future__ import annotations

from dataclasses import replace

from modelhub.net.arguments import Ref, references
from modelhub.net.graph import Node, Value
from modelhub.net.kinds import AUX
from modelhub.net.ops import ordered
from modelhub.net.surgery.draft import Draft
from modelhub.net.surgery.edited import SurgeryError
from modelhub.net.surgery.passes import shown
from modelhub.net.surgery.shapes import Shapes
from modelhub.net.surgery.sizes import numeric

__all__ = ["delete_edge", "same_form"]

# What may lie between the two ends of an edge: it is part of the branch that goes.
_PASSED = frozenset(
    {
        AUX, "RELU", "RELU6", "GELU", "SILU", "SIGMOID", "TANH", "LEAKY_RELU", "ELU", "HARDSWISH",
        "SOFTPLUS", "MISH", "DROPOUT", "FLATTEN",
    }
)  # fmt: skip
# Of these the first operand can go: the result is then the second one as it is.
_EITHER = frozenset({"add", "mul"})
_SECOND = frozenset({"add", "mul", "sub", "div"})


def same_form(one: Value, other: Value) -> bool:
    """Whether two values have the same dtype and shape."""
    return one.dtype == other.dtype and numeric(one.shape) == numeric(other.shape)


def delete_edge(draft: Draft, shapes: Shapes, node: str, reader: str) -> None:
    """Let a node that joins values do without the one that comes from another node.

    Raises:
        SurgeryError: there is no such edge, or the reader cannot do without it.
    """
    draft.node(node)
    joins = draft.node(reader)
    gone = [ref for ref in references(joins.arguments) if _comes_from(draft, ref, node)]
    if not gone:
        raise SurgeryError(f"{reader} does not read {node}")
    if len(gone) > 1:
        raise SurgeryError(f"{reader} reads {node} in {len(gone)} ways, so it is not clear which")
    base = joins.op.split(".")[1]
    if base == "cat":
        _shorten(draft, joins, gone[0])
    elif joins.kind in ("ADD", "MUL"):
        _bypass(draft, shapes, joins, gone[0])
    else:
        raise SurgeryError(
            f"{reader} ({joins.kind}) cannot do without {node}; only ADD, MUL and CAT can do with "
            "a value less"
        )
    if gone[0].node in draft.nodes:
        draft.remove([gone[0].node])


def _comes_from(draft: Draft, ref: Ref, node: str) -> bool:
    """Whether a value is a node's, or was made of it by activations and views alone."""
    while ref.node != node:
        found = draft.nodes.get(ref.node)
        carried = draft.carried(found) if found else ()
        if found is None or found.kind not in _PASSED or len(carried) != 1:
            return False
        ref = carried[0]
    return True


def _shorten(draft: Draft, joins: Node, gone: Ref) -> None:
    tensors = joins.arguments["tensors"]
    rest = tuple(item for item in tensors if item != gone) if isinstance(tensors, tuple) else ()
    if not rest:
        raise SurgeryError(f"{joins.name} reads nothing else")
    draft.notes[joins.name] = f"{joins.name} does without {gone.node}"
    if len(rest) == 1 and isinstance(rest[0], Ref):
        draft.grown.add(rest[0].node)
        draft.redirect(Ref(joins.name), rest[0])
        draft.remove([joins.name], keep=gone.node)
        return
    draft.grown.add(joins.name)
    arguments = ordered(joins.op, {**joins.arguments, "tensors": rest})
    draft.set(replace(joins, arguments=arguments))


def _bypass(draft: Draft, shapes: Shapes, joins: Node, gone: Ref) -> None:
    base, get = joins.op.split(".")[1], joins.arguments.get
    first = get("self") == gone
    if get("self") == get("other"):
        raise SurgeryError(f"{joins.name} reads the same value twice")
    rest = get("other") if first else get("self")
    if not isinstance(rest, Ref):
        raise SurgeryError(
            f"{joins.name} has no other value that depends on the input; delete {joins.name} itself"
        )
    allowed = (base in _EITHER and get("alpha", 1) == 1) if first else base in _SECOND
    if not allowed or joins.op.endswith("_mode"):
        raise SurgeryError(f"{joins.name} ({base}) has no meaning without {gone.node}")
    before, after = shapes.value(rest), shapes.value(Ref(joins.name))
    if not same_form(before, after):
        raise SurgeryError(
            f"without {gone.node}, {joins.name} would give {shown(before)} in place of "
            f"{shown(after)}"
        )
    draft.redirect(Ref(joins.name), rest)
    draft.remove([joins.name], keep=gone.node)
