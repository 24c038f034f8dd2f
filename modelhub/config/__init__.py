"""Read and write a repository's *settings*, the text of config.toml; no file is touched here."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, fields
from typing import Any

from modelhub.errors import BadInputError

__all__ = [
    "ALPHA_MAX",
    "CACHE_MB_LIMIT",
    "CHAIN_DEPTH_LIMIT",
    "FORMAT_VERSION",
    "PLANES_LIMIT",
    "RECREATION_LIMIT",
    "THREADS_LIMIT",
    "Config",
    "dump",
    "load",
]

FORMAT_VERSION = 1
# Every step of a chain is one more object to read; beyond some tens a checkout only gets slower.
CHAIN_DEPTH_LIMIT = 256
# A chain of the greatest depth costs no more: each of its deltas is smaller than what stands alone.
RECREATION_LIMIT = 257.0
# More threads than any machine of today has cores; a larger number is a slip of the pen.
THREADS_LIMIT = 4096
# The widest element has 8 bytes, and one byte more than must be left.
PLANES_LIMIT = 7
# 10^15 bytes: more than a disk has.
CACHE_MB_LIMIT = 10**9
# Room for a name and an address in every language.
_TEXT_BYTES_MAX = 400
# A slip of the pen, rather than somebody with a million commits between two runs.
_ARCHIVE_EVERY_MAX = 1_000_000
# Beyond this, no budget is ever met.
ALPHA_MAX = 1000.0
_WHERE = "config.toml"


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a repository.

    Args:
        format_version: Version of the repository's layout.
        chain_depth_max: The longest chain of deltas that a commit may make; 0 stores all whole.
        recreation_max: The most that an exact read of a tensor may cost as a commit stores it, as a
            multiple of its compressed bytes were it stored alone; 1 stores all whole.
        threads: Threads for encoding and decoding; 0 is the number of cores this process may use.
        author: Who commits; empty takes the user's name and host.
        tier: Where low-order segments go, a folder or an fsspec URL; empty keeps them in packs.
        tier_planes: Leading bytes of each value that stay, rounded up to whole levels.
        tier_cache_mb: Room for what was fetched from a remote tier, in units of 10^6 bytes.
        archive_every: After how many commits one runs `archive`; 0 is never.
        archive_alpha: What each snapshot may then cost to read, as a multiple of the least.
    """

    format_version: int = FORMAT_VERSION
    chain_depth_max: int = 8
    recreation_max: float = 3.0
    threads: int = 0
    author: str = ""
    tier: str = ""
    tier_planes: int = 2
    tier_cache_mb: int = 4096
    archive_every: int = 0
    archive_alpha: float = 2.0


# Least and greatest value of each number.
_RANGES: dict[str, tuple[float, float]] = {
    "format_version": (1, FORMAT_VERSION),
    "chain_depth_max": (0, CHAIN_DEPTH_LIMIT),
    "recreation_max": (1.0, RECREATION_LIMIT),
    "threads": (0, THREADS_LIMIT),
    "tier_planes": (1, PLANES_LIMIT),
    "tier_cache_mb": (0, CACHE_MB_LIMIT),
    "archive_every": (0, _ARCHIVE_EVERY_MAX),
    "archive_alpha": (1.0, ALPHA_MAX),
}


def load(text: str) -> Config:
    """Return the settings that a text gives; what it leaves out has its default.

    Raises:
        BadInputError: not TOML, an unknown key, or a value of the wrong type or out of range; kind
            `unsupported_version` if the repository was made by a newer program.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(
            f"not TOML: {error}", where=_WHERE, hint="correct the line", kind="bad_header"
        ) from error
    known = [field.name for field in fields(Config)]
    _check_version(table.get("format_version", FORMAT_VERSION))
    for key, value in table.items():
        if key not in known:
            raise BadInputError(
                f"unknown setting {key!r}",
                expected=f"one of {', '.join(known)}",
                where=_WHERE,
                hint="remove or correct it",
            )
        _check(key, value)
    return Config(**table)


def dump(config: Config) -> str:
    """Return the text that `load` reads back."""
    lines = []
    for field in fields(config):
        value = getattr(config, field.name)
        # What JSON leaves as it is, TOML allows in a string, except for the delete character.
        text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        lines.append(f"{field.name} = {text}\n")
    return "".join(lines)


def _check_version(value: Any) -> None:
    """Look at the version first: a newer one explains keys that this program does not know."""
    if type(value) is int and value > FORMAT_VERSION:
        raise BadInputError(
            f"the repository has format version {value}",
            expected=f"at most {FORMAT_VERSION}",
            where=_WHERE,
            hint="use a newer version of modelhub",
            kind="unsupported_version",
        )


def _check(key: str, value: Any) -> None:
    if key in _RANGES:
        low, high = _RANGES[key]
        # A bool is an int to Python, not to the reader of the file.
        kinds = (int, float) if isinstance(low, float) else (int,)
        if type(value) not in kinds or not low <= value <= high:
            raise BadInputError(
                f"{key} = {value!r}", expected=f"a number from {low:g} to {high:g}", where=_WHERE
            )
    elif not isinstance(value, str) or len(value.encode("utf-8")) > _TEXT_BYTES_MAX:
        raise BadInputError(
            f"{key} = {value!r}",
            expected=f"a text of at most {_TEXT_BYTES_MAX} bytes",
            where=_WHERE,
        )
