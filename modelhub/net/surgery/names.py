"""Names in a draft: which are taken, and how a new one is made."""

from __future__ import annotations

import itertools

from modelhub.net.arguments import check_name
from modelhub.net.surgery.draft import Draft, prefixes
from modelhub.net.surgery.edited import SurgeryError

__all__ = ["Copies", "checked", "free"]


def checked(draft: Draft, name: str, *, leaving: frozenset[str] = frozenset()) -> str:
    """Return a name for a new node and module; `leaving` are names that become free.

    Raises:
        SurgeryError: it is no name, or is taken.
    """
    try:
        check_name(name)
    except ValueError as error:
        raise SurgeryError(str(error)) from error
    if name in leaving:
        return name
    if _taken(draft, name):
        raise SurgeryError(f"the name {name!r} is taken; choose another")
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        above = ".".join(parts[:end])
        if above in draft.tensors:
            raise SurgeryError(f"{above!r} is a tensor, so nothing can be called {name!r}")
    return name


def free(draft: Draft, wish: str, *, also: frozenset[str] = frozenset()) -> str:
    """Return the name wished for, with `_2`, `_3`, ... at its end if it is taken."""
    if wish not in also and not _taken(draft, wish):
        return wish
    names = (f"{wish}_{number}" for number in itertools.count(2))
    return next(name for name in names if name not in also and not _taken(draft, name))


def _taken(draft: Draft, name: str) -> bool:
    return name in draft.nodes or name in draft.inputs or draft.has_module(name)


class Copies:
    """Names for copies of what is in a draft: `NAME_2`, `NAME_3`, ..., each given once."""

    def __init__(self, draft: Draft) -> None:
        names = (*draft.nodes, *draft.inputs, *draft.tensors)
        self._taken = {above for name in names for above in prefixes(name)}
        self._numbers: dict[str, int] = {}

    def next(self, name: str) -> str:
        """Return a name that nothing has, and nothing is below."""
        number = self._numbers.get(name, 1) + 1
        while f"{name}_{number}" in self._taken:
            number += 1
        self._numbers[name] = number
        self._taken.add(f"{name}_{number}")
        return f"{name}_{number}"
