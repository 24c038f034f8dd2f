"""Write numbers the way people read them.

Sizes are in powers of 1000 (1 kB = 1000 bytes), as the field's GB/s are.
"""

from __future__ import annotations

import math

__all__ = [
    "age",
    "count",
    "date",
    "duration",
    "iso",
    "number",
    "plural",
    "rate",
    "ratio",
    "saved",
    "share",
    "size",
]

_SIZE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_COUNT_UNITS = ("", "k", "M", "G", "T", "P", "E")

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# Mean lengths; an age is a hint, not a date.
_MONTH, _YEAR = 2629746, 31556952


def _scaled(value: float, units: tuple[str, ...]) -> tuple[str, str]:
    """Return `value` to three significant digits and the unit that it then has."""
    index = 0
    # 999.5 would print as 1000, so it already belongs to the next unit.
    while abs(value) >= 999.5 and index < len(units) - 1:
        value /= 1000
        index += 1
    if index == 0:
        return f"{value:.0f}", units[0]
    digits = 2 if abs(value) < 9.995 else (1 if abs(value) < 99.95 else 0)
    return f"{value:.{digits}f}", units[index]


def size(nbytes: int) -> str:
    """Return a number of bytes, such as `90.9 MB`."""
    text, unit = _scaled(nbytes, _SIZE_UNITS)
    return f"{text} {unit}"


def count(number_of: int) -> str:
    """Return a number of things, such as `22.7M`."""
    text, unit = _scaled(number_of, _COUNT_UNITS)
    return text + unit


def rate(nbytes: int, seconds: float) -> str:
    """Return a speed, such as `310 MB/s`."""
    return size(int(nbytes / seconds)) + "/s" if seconds > 0 else "-"


def duration(seconds: float) -> str:
    """Return a length of time, such as `1.25 s` or `3 min 20 s`."""
    if not math.isfinite(seconds):
        return "-"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE - 0.5:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def age(created_ns: int, now_ns: int) -> str:
    """Return how long ago something was, such as `5 min ago`; the future is `just now` too."""
    seconds = (now_ns - created_ns) // 1_000_000_000
    if seconds < 10:
        return "just now"
    steps = (
        (_MINUTE, 1, "s"),
        (_HOUR, _MINUTE, "min"),
        (_DAY, _HOUR, "h"),
        (_MONTH, _DAY, "d"),
        (_YEAR, _MONTH, "mo"),
    )
    for below, unit, name in steps:
        if seconds < below:
            return f"{seconds // unit} {name} ago"
    return f"{seconds // _YEAR} y ago"


def date(created_ns: int) -> str:
    """Return a time in UTC, such as `2026-01-31 12:00:00 UTC`."""
    return iso(created_ns).replace("T", " ").replace("Z", " UTC")


def iso(created_ns: int) -> str:
    """Return a time as ISO 8601 has it, such as `2026-01-31T12:00:00Z`."""
    days, second = divmod(created_ns // 1_000_000_000, _DAY)
    year, month, day = _civil(days)
    clock = f"{second // _HOUR:02}:{second % _HOUR // _MINUTE:02}:{second % _MINUTE:02}"
    return f"{year:04}-{month:02}-{day:02}T{clock}Z"


def _civil(days: int) -> tuple[int, int, int]:
    """Return the Gregorian date of a day counted from 1970-01-01.

    By hand, because `datetime` refuses years beyond 9999, which a damaged record may hold.
    """
    days += 719468
    era, day_of_era = divmod(days, 146097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    return year, month, day_of_year - (153 * shifted + 2) // 5 + 1


def number(value: float) -> str:
    """Return a measured value to four significant digits; whole numbers stay whole."""
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) < 1e15):
        return str(int(value))
    return f"{value:.4g}"


def share(part: float) -> str:
    """Return a share of one as percent, never rounding to 0 % or 100 % what is not."""
    if math.isnan(part):
        return "-"
    if 0 < part < 0.0005:
        return "<0.1%"
    if 0.9995 < part < 1:
        return ">99.9%"
    return f"{part * 100:.1f}%"


def ratio(original: int, stored: int) -> str:
    """Return the share saved, 1 - stored/original, or `-` where there is no original."""
    return share(1 - stored / original) if original else "-"


def plural(number_of: int, noun: str) -> str:
    """Return a number with its noun, such as `1 pack` or `2 packs`."""
    return f"{number_of} {noun}{'' if number_of == 1 else 's'}"


def saved(original: int, stored: int) -> str:
    """Return the share saved in words, such as `70.3% saved` or `1.5% more than came in`."""
    if not original:
        return "nothing came in"
    part = 1 - stored / original
    return f"{share(part)} saved" if part >= 0 else f"{share(-part)} more than came in"
