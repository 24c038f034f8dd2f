"""List every coder that the codec is measured beside, and say which of them are here.

Required are those that a claim is made against: `bench/requirements.txt` installs them. The others
are skipped by name where they are absent.
"""

from __future__ import annotations

from bench.codec_coder import Coder
from bench.codec_ours import OURS, OURS_DELTA
from bench.codec_peers_delta import DELTA
from bench.codec_peers_float import FLOAT
from bench.codec_peers_general import GENERAL
from bench.data import MissingDataError

__all__ = ["CODERS", "OPTIONAL", "by_name", "chosen", "is_peer", "missing"]

CODERS: tuple[type[Coder], ...] = (*OURS, *OURS_DELTA, *FLOAT, *GENERAL, *DELTA)
OPTIONAL = ("moonclip", "reminis")


def by_name(name: str) -> type[Coder]:
    """Return a coder by the name that the tables show."""
    return next(coder for coder in CODERS if coder.name == name)


def missing() -> list[str]:
    """Return the optional packages that are not installed.

    Raises:
        MissingDataError: a required one is not.
    """
    absent = sorted({coder.module.partition(".")[0] for coder in CODERS if not coder.installed()})
    required = [name for name in absent if name not in (*OPTIONAL, "modelhub")]
    if required:
        raise MissingDataError(
            f"not installed: {', '.join(required)}. Run: pip install -r bench/requirements.txt"
        )
    return absent


def chosen(dtype: str, *, delta: bool, threads: int = 1) -> list[str]:
    """Return the names of the coders that take a dtype and as many threads, ours first.

    Ours are named even where they are not built: measuring them then fails, and says so.
    """
    return [
        coder.name
        for coder in CODERS
        if coder.delta is delta
        and coder.takes(dtype)
        and (coder.threaded or threads == 1)
        and (coder.installed() or not is_peer(coder.name))
    ]


def is_peer(name: str) -> bool:
    """Whether a coder is anybody's but ours."""
    return by_name(name).module != "modelhub.codec"
