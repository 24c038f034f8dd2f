"""Hold the codec's measurements against what it must reach.

Every bound is relative to a peer in the same run, on the same cores, or is a size. A bar is made if
its input was measured; a figure that could not be had makes it missed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bench.bench_main_job import Bar
from bench.codec_figures import Figures
from bench.codec_inputs import ALONE, CLOSE_PAIRS, PAIRS
from bench.codec_measured import Measured
from bench.codec_ours import coder_name
from bench.codec_peers_delta import NaiveSubtract, NaiveXor

__all__ = ["AVX2", "AVX2_INPUTS", "bars"]

AVX2 = "avx2"
AVX2_INPUTS = ("minilm", "minilm-bf16")

_ZIPNN = "zipnn"
_Z4AI = "z4ai"
_DEFAULT_BELOW_BEST = 0.2
_CLOSE_GAIN = 1.0
_OTHER_LOSS = 1.0
_THREADS_GAIN = 1.7
# Below this, starting a thread is a part of the time.
_THREADS_RAW_BYTES_MIN = 20_000_000
_LEADING_MAX = 8.0
_CHAIN_MAX = 1.05
_AVX2_MIN = 0.6


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the default preset must reach on one input, as multiples of a peer's speeds."""

    source: str
    peer: str
    encode: float
    decode: float


_SPEEDS = (
    _Wanted("minilm-bf16", _ZIPNN, 2.0, 2.0),
    _Wanted("minilm", _ZIPNN, 2.0, 1.4),
    _Wanted("minilm-f16", _ZIPNN, 1.5, 1.5),
    _Wanted("ft32:160-200", NaiveXor.name, 1.5, 1.2),
    _Wanted("ft16:160-200", NaiveXor.name, 1.2, 1.2),
)
# Saved percent of the default preset.
_SAVED = {"minilm-bf16": 33.8, "minilm": 18.1}
# Points over the naive difference, by input and preset.
_OVER_NAIVE = {
    ("ft32:160-200", "default"): 0.7,
    ("ft32:160-200", "dense"): 1.7,
    ("ft16:160-200", "default"): 2.5,
}


def bars(figures: Figures, *, best_level: bool) -> list[Bar]:
    """Return every bar whose input was measured.

    Args:
        best_level: Whether this processor has all the instructions that the fastest path wants;
            where it has not, the speeds of that path are no bars.
    """
    found = [*_sizes(figures), *_over_naive(figures), *_pairs(figures)]
    if best_level:
        found += [bar for wanted in _SPEEDS for bar in _speeds(figures, wanted, "")]
    for wanted in _SPEEDS:
        if wanted.source in AVX2_INPUTS and figures.of(wanted.source, 1, AVX2):
            least = _Wanted(wanted.source, wanted.peer, _AVX2_MIN, _AVX2_MIN)
            found += _speeds(figures, least, AVX2)
    return [*found, *_threads(figures), *_chain(figures)]


def _ours(figures: Figures, source: str, preset: str, **where: int | str) -> Measured | None:
    name = coder_name(preset, delta=source in PAIRS)
    return figures.get(source, name, int(where.get("threads", 1)), str(where.get("level", "")))


def _saved(measured: Measured | None) -> float:
    return math.nan if measured is None else measured.saved


def _ratio(mine: float, theirs: float) -> float:
    return mine / theirs if mine and theirs else math.nan


def _encode(measured: Measured | None) -> float:
    return 0.0 if measured is None else measured.encode_mb_s


def _decode(measured: Measured | None) -> float:
    return 0.0 if measured is None else measured.decode_mb_s


def _sizes(figures: Figures) -> Iterator[Bar]:
    """Alone: the dense preset beats every peer, and the default one is close behind."""
    for source in figures.sources():
        if source not in ALONE or not figures.of(source, 1):
            continue
        peer = figures.best_peer(source)
        named = peer.coder if peer else "no peer"
        best = _saved(peer)
        dense = _saved(_ours(figures, source, "dense"))
        default = _saved(_ours(figures, source, "default"))
        yield Bar(f"{source}, dense, saved (bar: {named})", dense, best, "%", True)
        bound = best - _DEFAULT_BELOW_BEST
        yield Bar(f"{source}, default, saved (bar: {named} - 0.2)", default, bound, "%", True)
        if source in _SAVED:
            yield Bar(f"{source}, default, saved", default, _SAVED[source], "%", True)
        if source == "minilm-f16" and named != _Z4AI:
            z4ai = _saved(figures.get(source, _Z4AI))
            yield Bar(f"{source}, dense, saved (bar: z4ai)", dense, z4ai, "%", True)


def _over_naive(figures: Figures) -> Iterator[Bar]:
    for (source, preset), points in _OVER_NAIVE.items():
        if figures.of(source, 1):
            bound = _saved(figures.get(source, NaiveSubtract.name)) + points
            what = f"{source}, {preset}, saved (bar: plain subtraction + {points})"
            yield Bar(what, _saved(_ours(figures, source, preset)), bound, "%", True)


def _pairs(figures: Figures) -> Iterator[Bar]:
    """Differences: beat every peer where one run made both, lose little elsewhere."""
    named = {source for source, _ in _OVER_NAIVE}
    for source in figures.sources():
        if source not in PAIRS or source in named or not figures.of(source, 1):
            continue
        # Plain subtraction is nobody's product; the bars above are against it.
        peer = figures.best_peer(source, without=NaiveSubtract.name)
        points = _CLOSE_GAIN if source in CLOSE_PAIRS else -_OTHER_LOSS
        what = f"{source}, default, saved (bar: {peer.coder if peer else 'no peer'} {points:+})"
        default = _saved(_ours(figures, source, "default"))
        yield Bar(what, default, _saved(peer) + points, "%", True)


def _speeds(figures: Figures, wanted: _Wanted, level: str) -> Iterator[Bar]:
    if not figures.of(wanted.source, 1, level):
        return
    mine = _ours(figures, wanted.source, "default", level=level)
    peer = figures.get(wanted.source, wanted.peer, 1, level)
    shown = f"{wanted.source}, default{', ' + level if level else ''}"
    encode = _ratio(_encode(mine), _encode(peer))
    decode = _ratio(_decode(mine), _decode(peer))
    yield Bar(f"{shown}, compress over {wanted.peer}", encode, wanted.encode, "times", True)
    yield Bar(f"{shown}, decompress over {wanted.peer}", decode, wanted.decode, "times", True)


def _threads(figures: Figures) -> Iterator[Bar]:
    for source in figures.sources():
        found = figures.of(source, 2)
        if not found or found[0].raw_bytes < _THREADS_RAW_BYTES_MIN or not figures.of(source, 1):
            continue
        one, two = (_ours(figures, source, "default", threads=n) for n in (1, 2))
        gain = _ratio(_decode(two), _decode(one))
        what = f"{source}, default, decompress, 2 threads over 1"
        yield Bar(what, gain, _THREADS_GAIN, "times", True)


def _chain(figures: Figures) -> Iterator[Bar]:
    chain = figures.chain
    if chain is None:
        return
    most = 100.0 * max(chain.leading) if chain.exact else math.nan
    yield Bar("chain of 5, leading 16 bits, read of a version", most, _LEADING_MAX, "%", False)
    whole = _ratio(chain.chain_s, chain.alone_s)
    yield Bar("chain of 5, all of it over its parts", whole, _CHAIN_MAX, "times", False)
