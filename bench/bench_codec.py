"""Measure the codec beside its peers: `python -m bench codec`.

Why: the codec claims to be smaller and faster than named programs; a claim holds for the machine,
the inputs and the versions that it was measured with, so all of them run here, in one go.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench import codec_bars, codec_inputs, codec_peers, codec_run, data
from bench.bench_main_job import Bar
from bench.codec_chain import ChainMeasured
from bench.codec_figures import Figures, table, write_markdown, write_sizes
from bench.codec_measured import Order
from bench.codec_ours import coder_name
from bench.process import machine

__all__ = ["main"]

_CHAIN = "chain"
# What the fastest path of the codec needs beyond AVX2.
_FLAG = "avx512_vbmi2"


def main(words: list[str]) -> int:
    """Measure, print, and return 0 if every bar holds, else 1."""
    arguments = _parse(words)
    try:
        absent = codec_peers.missing()
        heading = _heading(arguments.runs, absent)
        print("\n".join(heading), flush=True)
        figures = _measured(arguments)
    except data.MissingDataError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(figures))
    for one in figures.failures():
        print(f"FAILED: {one}")
    found = codec_bars.bars(figures, best_level=_best_level())
    print()
    for bar in found:
        print(bar)
    if arguments.markdown:
        write_markdown(figures, arguments.markdown, heading, [str(bar) for bar in found])
    if arguments.sizes:
        write_sizes(figures, arguments.sizes)
    return _status(found)


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench codec", description=__doc__)
    known = [*codec_inputs.ALONE, *codec_inputs.PAIRS, _CHAIN]
    parser.add_argument("--runs", type=int, default=5, help="the best of so many counts")
    parser.add_argument("--inputs", default=",".join(known), help="some of: " + ", ".join(known))
    parser.add_argument("--threads", default="1,2", help="numbers of threads, 1 or 2 or both")
    parser.add_argument("--coders", default="", help="only those with one of these in their names")
    parser.add_argument("--markdown", type=Path, help="write the table here too")
    parser.add_argument("--sizes", type=Path, help="write the sizes here as CSV")
    arguments = parser.parse_args(words)
    arguments.inputs = arguments.inputs.split(",")
    unknown = [name for name in arguments.inputs if name not in known]
    if unknown:
        parser.error(f"no such inputs: {', '.join(unknown)}")
    arguments.threads = [int(number) for number in arguments.threads.split(",")]
    arguments.coders = [part for part in arguments.coders.split(",") if part]
    return arguments


def _heading(runs: int, absent: list[str]) -> list[str]:
    lines = [machine()]
    lines.append(
        f"Best of {runs} after a warm-up, coders taking turns, each of one call for the whole "
        "input; warm heap and output buffers; MB of original bytes; every result compared."
    )
    if absent:
        lines.append(f"Not installed, left out: {', '.join(absent)}.")
    return lines


def _best_level() -> bool:
    return _FLAG in Path("/proc/cpuinfo").read_text().split()


def _measured(arguments: argparse.Namespace) -> Figures:
    figures = Figures()
    for source in arguments.inputs:
        if source == _CHAIN:
            figures.chain = _chain()
            continue
        dtype = codec_inputs.read(source).tensors[0].dtype.name
        for threads in arguments.threads:
            cores = codec_run.cores(threads)
            if not cores:
                print(f"{source}: {threads} threads left out, too few cores", flush=True)
                continue
            pair = codec_inputs.is_pair(source)
            coders = _wanted(codec_peers.chosen(dtype, delta=pair, threads=threads), arguments)
            print(f"measuring {source}, {threads} thread(s): {len(coders)} coders", flush=True)
            figures.add(codec_run.measure(Order(source, coders, threads, arguments.runs, cores)))
        if source in codec_bars.AVX2_INPUTS and 1 in arguments.threads and _best_level():
            coders = _wanted([coder_name("default"), "zipnn"], arguments)
            order = Order(source, coders, 1, arguments.runs, codec_run.cores(1), codec_bars.AVX2)
            figures.add(codec_run.measure(order))
    return figures


def _wanted(names: list[str], arguments: argparse.Namespace) -> list[str]:
    parts = arguments.coders
    return [name for name in names if not parts or any(part in name for part in parts)]


def _chain() -> ChainMeasured | None:
    print("measuring a chain of five differences", flush=True)
    lines, status = codec_run.program("bench.codec_chain", json.dumps(codec_run.cores(1)[0]))
    if status != 0:
        print(f"FAILED: the chain, status {status}")
        return ChainMeasured([1.0], False, 0.0, 0.0)
    return ChainMeasured(**lines[-1])


def _status(found: list[Bar]) -> int:
    return 0 if all(bar.holds for bar in found) else 1
