"""Name the nodes of an imported graph by the modules they came from.

The node that does the work of a module gets the module's path; its other nodes get names below it
(`encoder.0.self_attn.transpose`). A *draft* is what is known of a node before it has a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelhub.net.kinds import AUX

__all__ = ["Draft", "names"]

# Kinds that are a layer by themselves, whatever else their module does around them.
_WHOLE = frozenset({"ATTN", "LSTM", "GRU", "RNN", "BN", "LN", "GN", "IN", "RMSNORM", "EMBED"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A node without a name: its module's path, the op's short name, its kind, its tensors."""

    module: str
    base: str
    kind: str
    parameters: tuple[str, ...]


def names(drafts: Sequence[Draft], taken: Sequence[str]) -> list[str]:
    """Return a name for each draft, unique among them and the `taken` ones (inputs)."""
    modules = {draft.module for draft in drafts}
    above = {
        ".".join(parts[:end])
        for parts in (module.split(".") for module in modules)
        for end in range(1, len(parts))
    }
    wished = [_owner(draft, modules) for draft in drafts]
    best: dict[str, int] = {}
    for draft in drafts:
        best[draft.module] = max(best.get(draft.module, 1), _rank(draft))
    last = {
        draft.module: place
        for place, draft in enumerate(drafts)
        if draft.module and draft.module not in above and _rank(draft) == best[draft.module]
    }
    # A layer that runs several times has several nodes of its name, told apart by a number, when
    # each run is one node of the same op.
    for place, draft in enumerate(drafts):
        main = last.get(draft.module)
        if main is not None and not wished[place]:
            same = (drafts[main].base, drafts[main].parameters) == (draft.base, draft.parameters)
            if place == main or (same and _rank(draft) == best[draft.module]):
                wished[place] = draft.module
    used = {*taken}
    reserved = {*modules, *filter(None, wished)}
    numbers: dict[str, int] = {}
    return [
        _unique(draft, wish, used, reserved, numbers)
        for draft, wish in zip(drafts, wished, strict=True)
    ]


def _rank(draft: Draft) -> int:
    if draft.kind == AUX:
        return 0
    if draft.kind in _WHOLE:
        return 3
    return 2 if draft.parameters else 1


def _owner(draft: Draft, modules: set[str]) -> str:
    """Return the module whose weight is used without a call of it (attention's `out_proj`)."""
    if draft.kind == AUX or not draft.parameters:
        return ""
    owner = draft.parameters[0].rpartition(".")[0]
    return owner if owner and owner not in modules else ""


def _unique(
    draft: Draft, wish: str, used: set[str], reserved: set[str], numbers: dict[str, int]
) -> str:
    start = wish or (f"{draft.module}.{draft.base}" if draft.module else draft.base)
    name, number = start, numbers.get(start, 0)
    while name in used or (name in reserved and name != wish):
        # Names are never given back, so the search goes on where it ended for the same start.
        number += 1
        name = f"{start}_{number}"
    numbers[start] = number
    used.add(name)
    return name
