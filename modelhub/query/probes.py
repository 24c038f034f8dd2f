"""Answer conditions on versions from the catalog's indexes.

A *probe* is a condition on one attribute; its *estimate* is about how many versions meet it,
counted up to a limit. What no index answers has no estimate.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dql.backend import Probe
from modelhub.catalog import ReadTxn

__all__ = ["COUNTED_MAX", "estimate", "matches", "networks_of"]

# Beyond so many versions an index is hardly better than looking at all; counting takes 0.3 us each.
COUNTED_MAX = 5_000

_US_NS = 1000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_LINEAGE = ("parents", "children", "ancestors", "descendants")


def estimate(txn: ReadTxn, probe: Probe, *, complete: bool) -> int | None:
    """Return about how many versions meet a condition; None if no index knows.

    Args:
        complete: Whether the indexes that queries ask by have all versions.
    """
    if not _is_known(probe, complete=complete):
        return None
    head, *rest = probe.path
    low, high = _bounds(probe)
    if head == "name":
        found = txn.count_named(low, high, prefix=probe.prefix, limit=COUNTED_MAX)
    elif head == "creation_time":
        found = txn.count_created(_first_ns(low), _last_ns(high), limit=COUNTED_MAX)
    elif head == "metrics":
        name, which = rest
        found = txn.count_metric(name, which, low, high, limit=COUNTED_MAX)
        found += _count_values(txn, name, probe)
    elif head in ("metadata", "config"):
        found = sum(_count_values(txn, key, probe) for key in _keys(probe))
    elif head in ("kinds", "pairs"):
        found = _count_networks(txn, probe)
    else:
        return len(list(matches(txn, probe)))
    return txn.version_count() if found >= COUNTED_MAX else found


def matches(txn: ReadTxn, probe: Probe) -> Iterable[bytes]:
    """Return the ids of the versions that meet a condition, perhaps of more, in no order."""
    head, *rest = probe.path
    low, high = _bounds(probe)
    if head == "name":
        rows = txn.numbered(low) if probe.prefix else txn.numbered_between(low, high)
        return [version_id for _, _, version_id in rows]
    if head == "id":
        return txn.ids_with_prefix(str(low)) if _is_hex(low) else ()
    if head == "tags":
        return {version_id for _, tag, version_id in txn.tagged() if _is_tag(probe, tag)}
    if head == "creation_time":
        return txn.created_between(_first_ns(low), _last_ns(high))
    if head == "metrics":
        name, which = rest
        own = txn.metric_between(name, which, low, high)
        return {*own, *_with_value(txn, name, probe)}
    if head in ("metadata", "config"):
        return {version_id for key in _keys(probe) for version_id in _with_value(txn, key, probe)}
    if head in _LINEAGE:
        return _related(txn, head, bytes.fromhex(low))
    return networks_of(txn, probe)


def networks_of(txn: ReadTxn, probe: Probe) -> dict[bytes, bytes]:
    """Return the versions that meet a condition on kinds, each with its network."""
    return {
        version_id: network
        for network in _networks(txn, probe)
        for version_id in txn.versions_with_network(network)
    }


def _bounds(probe: Probe) -> tuple[Any, Any]:
    return probe.low, probe.high


def _is_known(probe: Probe, *, complete: bool) -> bool:
    """Say whether an index answers a probe, and its values are of a type that the index orders."""
    head, *rest = probe.path
    low, high = probe.low, probe.high
    given = [each for each in (low, high) if each is not None]
    equal = low is not None and low == high and not probe.prefix
    texts = bool(given) and all(isinstance(each, str) for each in given)
    numbers = bool(given) and all(map(_is_number, given))
    match head:
        case "name":
            return texts and not rest
        case "tags":
            return texts and (equal or probe.prefix)
        case "id":
            return texts and (equal or probe.prefix)
        case "creation_time":
            return bool(given) and all(isinstance(each, datetime.datetime) for each in given)
        case "metrics":
            series = len(rest) == 2 and rest[1] in ("best", "last")
            return complete and series and (numbers or not given)
        case "metadata" | "config":
            truth = equal and isinstance(low, bool)
            return bool(rest) and (numbers or texts or truth or not given)
        case "kinds":
            return complete and equal and texts
        case "pairs":
            return complete and equal and isinstance(low, tuple) and len(low) == 2
        case _:
            return head in _LINEAGE and equal and _is_hex(low) and len(str(low)) == 64


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not (isinstance(value, float) and math.isnan(value))


def _is_hex(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 64 and not set(value) - set("0123456789abcdef")


def _is_tag(probe: Probe, tag: str) -> bool:
    return tag.startswith(str(probe.low)) if probe.prefix else tag == probe.low


def _first_ns(moment: Any) -> int | None:
    return None if moment is None else _ns(moment)


def _last_ns(moment: Any) -> int | None:
    # Queries see times to the microsecond.
    return None if moment is None else _ns(moment) + _US_NS - 1


def _ns(moment: datetime.datetime) -> int:
    return (moment - _EPOCH) // datetime.timedelta(microseconds=1) * _US_NS


def _keys(probe: Probe) -> list[str]:
    """Return the metadata keys that may stand for a path."""
    head, *rest = probe.path
    key = ".".join(rest)
    return [key] if head == "metadata" else [key, f"config.{key}"]


def _with_value(txn: ReadTxn, key: str, probe: Probe) -> Iterable[bytes]:
    low, high = _bounds(probe)
    if isinstance(low, bool):
        return txn.versions_with(key, low)
    if probe.prefix:
        return txn.versions_beginning(key, low)
    if low is None and high is None:
        return txn.versions_having(key)
    return txn.versions_between(key, low, high)


def _count_values(txn: ReadTxn, key: str, probe: Probe) -> int:
    low, high = _bounds(probe)
    if isinstance(low, bool):
        # Few settings are truths; to count them is to find them.
        return len(txn.versions_with(key, low))
    if low is None and high is None:
        return txn.count_having(key, limit=COUNTED_MAX)
    high = None if probe.prefix else high
    return txn.count_values(key, low, high, limit=COUNTED_MAX)


def _related(txn: ReadTxn, head: str, version_id: bytes) -> Iterable[bytes]:
    """Return the versions whose parents (and so on) one is among."""
    step: Callable[[bytes], list[bytes]]
    step = txn.children if head in ("parents", "ancestors") else txn.parents
    found: dict[bytes, None] = {}
    level = step(version_id)
    while level:
        fresh = [each for each in level if each not in found]
        found.update(dict.fromkeys(fresh))
        level = [] if head in ("parents", "children") else [o for e in fresh for o in step(e)]
    return found


def _networks(txn: ReadTxn, probe: Probe) -> Iterator[bytes]:
    if probe.path == ("kinds",):
        return txn.networks_with_kind(str(probe.low))
    one, two = probe.low  # type: ignore[misc]
    return txn.networks_with_pair(str(one), str(two))


def _count_networks(txn: ReadTxn, probe: Probe) -> int:
    """Count versions by networks: many share one where a network is trained often."""
    kinds: Any = (probe.low,) if probe.path == ("kinds",) else probe.low
    # Each network has a version at least.
    found = txn.count_networks(*kinds, limit=COUNTED_MAX)
    if found >= COUNTED_MAX:
        return found
    found = 0
    for network in _networks(txn, probe):
        found += txn.count_users(network, limit=COUNTED_MAX - found)
        if found >= COUNTED_MAX:
            break
    return found
