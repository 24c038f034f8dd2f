"""Make probes of values."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from dql.backend import Probe
from dql.logical import Index
from dql.memory.values import Several, moment, single

__all__ = ["probes_of", "sample"]

_TEXTS = ("name", "id", "tags")


def sample(access: Index) -> Probe:
    """Return a probe of the kind that an access will make, to ask whether there is an index."""
    text = access.path[0] in _TEXTS or access.sign == "like"
    if access.path[0] == "creation_time":
        value: Any = datetime.datetime.fromtimestamp(0, datetime.UTC)
    else:
        value = "" if text else 0
    return Probe(access.path, value, value)


def probes_of(access: Index, value: Any, until: Any) -> list[Probe] | None:
    """Return probes of which each version that can meet a condition meets one.

    Returns:
        None if probes cannot tell; an empty list if nothing can meet the condition.
    """
    path = access.path
    if access.sign == "there":
        return [Probe(path)]
    if access.until is not None:
        ends = _end(path, value), _end(path, until)
        if ends[0] is _CANNOT or ends[1] is _CANNOT:
            return None
        return [] if None in ends else [Probe(path, *ends)]
    found = []
    for item in _items(value):
        if access.sign == "like":
            probe = _like(path, item)
        elif access.sign == "=":
            wanted = _equal(path, item)
            probe = wanted if wanted in (None, _CANNOT) else Probe(path, wanted, wanted)
        else:
            end = _end(path, item)
            side = "low" if access.sign == ">=" else "high"
            probe = end if end in (None, _CANNOT) else Probe(path, **{side: end})
        if probe is _CANNOT:
            return None
        if probe is not None:
            found.append(probe)
    return found


_CANNOT: Any = object()


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, Several):
        for item in value.items:
            yield from _items(item)
    else:
        yield single(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(path: tuple[str, ...], value: Any) -> Any:
    """Return what an index is asked for; None: nothing equals it; _CANNOT: an index cannot tell."""
    if value is None:
        return None
    if path[0] in _TEXTS:
        # A version equals its name, whatever stands where the name does.
        return value if isinstance(value, str) else _CANNOT
    if path[0] in ("config", "metadata"):
        return value if isinstance(value, str | bool | int | float) else _CANNOT
    return _end(path, value)


def _end(path: tuple[str, ...], value: Any) -> Any:
    """Return an end of a range."""
    value = single(value)
    if path[0] == "creation_time":
        found = moment(value) if isinstance(value, str) else value
        return found if isinstance(found, datetime.datetime) else None
    if _is_number(value):
        return value
    # Settings may be texts, and be compared with texts and times.
    return None if value is None or path[0] not in ("config", "metadata") else _CANNOT


def _like(path: tuple[str, ...], pattern: Any) -> Any:
    if not isinstance(pattern, str):
        return None
    start, at = "", 0
    while at < len(pattern) and pattern[at] not in "%_":
        at += pattern[at] == "\\"
        start += pattern[at : at + 1]
        at += 1
    if at >= len(pattern):
        return Probe(path, start, start)
    return Probe(path, start, prefix=True) if start else _CANNOT
