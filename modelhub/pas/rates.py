"""Model how long reading takes, from rates measured once on a machine.

An entry takes a fixed time, its payload the time of reading it from the disk, and its elements that
of decoding them: alone or against a base, by the bytes of an element. Checking a file's SHA-256 and
writing it are not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from modelhub.errors import BadInputError

__all__ = ["Rates", "dump", "load"]

_WIDTHS = (2, 4)


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of a machine.

    Args:
        machine: Which one: host name and instruction set.
        entry_ms: Finding an entry and reading its table.
        read: Bytes of payload read from a file per millisecond, the cache of the system left out.
        alone: Bytes of tensor decoded per millisecond where an entry stands alone, by the bytes of
            an element ("2", "4").
        delta: The same for one step through a delta.
    """

    machine: str
    entry_ms: float
    read: float
    alone: Mapping[str, float]
    delta: Mapping[str, float]

    def milliseconds(self, raw_bytes: int, payload_bytes: int, width: int, is_delta: bool) -> float:
        """Return the time that an entry takes in a chain, without its base."""
        nearest = str(min(_WIDTHS, key=lambda known: abs(known - width)))
        decoding = (self.delta if is_delta else self.alone)[nearest]
        return self.entry_ms + payload_bytes / self.read + raw_bytes / decoding


def dump(rates: Rates) -> bytes:
    """Return the text that `load` reads."""
    return json.dumps(asdict(rates), indent=1, sort_keys=True).encode() + b"\n"


def load(data: bytes, where: str = "") -> Rates:
    """Read rates.

    Raises:
        BadInputError: the text is none of `dump`.
    """
    try:
        value = json.loads(data)
        rates = Rates(
            str(value["machine"]),
            float(value["entry_ms"]),
            float(value["read"]),
            {str(width): float(value["alone"][str(width)]) for width in _WIDTHS},
            {str(width): float(value["delta"][str(width)]) for width in _WIDTHS},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"rates that cannot be read ({error!r})",
            where=where,
            hint="measure them again with `modelhub bench calibrate`",
        ) from error
    if min(rates.read, *rates.alone.values(), *rates.delta.values()) <= 0:
        raise BadInputError("a rate of 0", where=where, hint="run `modelhub bench calibrate`")
    return rates
