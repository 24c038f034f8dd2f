"""Measure the two layouts of packs on real weights: size, bytes of each prefix, and speed.

Why: the progressive layout is read by prefixes of few bits; what it costs in all, and what each of
its prefixes takes, decides whether it is worth storing weights in it. Weights are those of MiniLM,
and their casts to bfloat16 and float16. Speeds are of the core alone, one tensor after the other,
in processor time of this thread, so that other work on the machine disturbs them less.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors.numpy import load_file

from bench import data
from bench.process import machine, use_one_core
from modelhub import _core
from modelhub.tensors.dtypes import by_name

__all__ = ["Layout", "main", "measure"]

MB = 1e6
KINDS = {"float32": (23, np.float32), "bfloat16": (7, ml_dtypes.bfloat16), "float16": (10, "f2")}
LAYOUTS = ("ordinary", "progressive")


@dataclass(frozen=True, slots=True)
class Layout:
    """What one layout took.

    Args:
        raw: Bytes of the values.
        file: Bytes of the pack.
        segments: Payload bytes of each segment, of the tensors that have the usual number of them.
        bits: Bits of a value in each segment; 0 for a tail.
        encode: Bytes of values coded in a second.
        decode: The same, of exact reads.
        prefixes: The same, of reads of 1, 2... leading segments.
    """

    raw: int
    file: int
    segments: tuple[int, ...]
    bits: tuple[int, ...]
    encode: float
    decode: float
    prefixes: tuple[float, ...]


def _seconds(work: Callable[[], object], runs: int) -> float:
    best = float("inf")
    for _ in range(runs):
        begun = time.thread_time()
        work()
        best = min(best, time.thread_time() - begun)
    return best


def measure(
    folder: Path, tensors: dict[str, np.ndarray], dtype: str, layout: str, runs: int
) -> Layout:
    """Store tensors of one dtype in one layout, read them back, and check that nothing changed."""
    kind, mantissa = by_name(dtype), KINDS[dtype][0]
    raws = [np.ascontiguousarray(t).reshape(-1).view(np.uint8) for t in tensors.values()]
    shapes = [tensor.shape for tensor in tensors.values()]
    path = folder / f"{dtype}-{layout}.pack"

    def write() -> None:
        path.unlink(missing_ok=True)
        with _core.PackWriter(str(path)) as writer:
            for number, raw in enumerate(raws):
                writer.add(
                    number.to_bytes(32, "little"), 1, kind.code, kind.width, kind.kind,
                    shapes[number], raw, layout=layout, mantissa_bits=mantissa,
                )  # fmt: skip
            writer.finish()

    encode = _seconds(write, runs)
    reader = _core.PackReader(str(path))
    entries = [reader.entry(number) for number in range(reader.count)]
    outs = [np.empty_like(raw) for raw in raws]

    def read() -> None:
        for number, out in enumerate(outs):
            _core.decode([(reader, number)], out)

    decode = _seconds(read, runs)
    if not all(map(np.array_equal, raws, outs)):
        raise AssertionError(f"{path} does not hold what was stored")
    fine = max((entry.segment_bits for entry in entries), key=len)
    usual = [n for n, entry in enumerate(entries) if entry.segment_bits == fine]
    total = sum(raw.size for raw in raws)
    prefixes = []
    for segments in range(1, len(fine) if entries[usual[0]].is_fixed else 1):

        def read_prefix(segments: int = segments) -> None:
            for number in usual:
                entry = entries[number]
                groups = -(-outs[number].size // entry.width // entry.group_elements)
                exponents = np.empty(groups, np.uint8)
                _core.decode_prefix((reader, number), outs[number], exponents, segments)

        prefixes.append(sum(raws[n].size for n in usual) / _seconds(read_prefix, runs))
    segments = np.sum([entries[number].segment_bytes for number in usual], axis=0)
    return Layout(
        total, path.stat().st_size, tuple(int(n) for n in segments), fine, total / encode,
        total / decode, tuple(prefixes),
    )  # fmt: skip


def _show(dtype: str, layout: str, found: Layout) -> None:
    print(
        f"{dtype}, {layout}: {100 * found.file / found.raw:.1f} % of {found.raw / MB:.1f} MB; "
        f"{found.encode / MB:.0f} MB/s to write, {found.decode / MB:.0f} MB/s to read"
    )
    known = taken = 0
    for number, (nbytes, bits) in enumerate(zip(found.segments, found.bits, strict=True)):
        known, taken = known + bits, taken + nbytes
        share = 100 * taken / sum(found.segments)
        speed = f", {found.prefixes[number] / MB:.0f} MB/s" if number < len(found.prefixes) else ""
        name = f"{known:2} bits" if bits else "exact  "
        print(f"  {number + 1:2} segments, {name}: {share:5.1f} % of the payload{speed}")


def main(words: list[str]) -> int:
    """Measure, print what was found, and return 0, or 1 if the weights are missing."""
    parser = argparse.ArgumentParser(prog="python -m bench layouts", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="the best of so many counts")
    arguments = parser.parse_args(words)
    try:
        path = data.minilm_weights()
    except data.MissingDataError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{machine()}, core {use_one_core()}, {_core.cpu()}")
    weights = {name: t for name, t in load_file(path).items() if t.dtype == np.float32}
    with tempfile.TemporaryDirectory() as folder:
        for dtype, (_, target) in KINDS.items():
            cast = {name: values.astype(target) for name, values in weights.items()}
            for layout in LAYOUTS:
                _show(dtype, layout, measure(Path(folder), cast, dtype, layout, arguments.runs))
    return 0
