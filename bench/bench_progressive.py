"""Measure progressive evaluation: `python -m bench progressive`.

Why: an answer from leading bytes is worth something only if it is proved, and if the bytes are few.
So networks trained on real digits are committed to real repositories, calibrated on inputs of their
own, and evaluated on all that was held out; bytes are counted where they are read, and every proved
label is compared with float64 and with the module in float32. What the paper does, the same leading
bytes of every tensor, stands beside it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import (
    plots,
    progressive_cold,
    progressive_found,
    progressive_report,
)
from bench import progressive_measure as measure
from bench.bench_archival import report
from bench.data import MissingDataError
from bench.process import ProgramFailedError, machine, modelhub
from bench.progressive_cold import Cold
from bench.progressive_found import Controls, Found, Program
from bench.progressive_nets import NETS
from bench.progressive_repository import make
from bench.progressive_train import LARGE, SEEDS, folder

__all__ = ["main"]

WAYS = ("controls", "program")
_LATENCIES = (0.0, 0.02)
_SINGLE = 9
# What `--quick` does: one small network, one large enough to need more than one block of anything.
_QUICK = ("mlp8", "lenet")
_QUICK_INPUTS, _QUICK_FEW = 100, 20


def main(words: list[str]) -> int:
    """Measure, print, and return 0 if every bar holds, else 1."""
    arguments = _parse(words)
    heading = [machine(), *([arguments.note] if arguments.note else [])]
    print("\n".join(heading), flush=True)
    try:
        if arguments.plots:
            plots.check()
        with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
            found = _measured(Path(name), arguments)
            cold = _cold(Path(name), arguments) if arguments.cold else []
    except (MissingDataError, ProgramFailedError) as error:
        print(error, file=sys.stderr)
        return 1
    parts = progressive_report.parts(found, cold)
    for part in parts:
        print("\n".join(["", f"## {part.title}", "", *part.lines]))
    return report("Progressive evaluation", heading, parts, arguments.markdown, arguments.plots)


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench progressive", description=__doc__)
    small = [name for name in NETS if name != LARGE]
    parser.add_argument("--nets", default=",".join(small), help="some of: " + ", ".join(small))
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--inputs", type=int, default=0, help="held out; 0, all of them")
    parser.add_argument("--few", type=int, default=200, help="inputs for the uniform prefixes")
    parser.add_argument("--no-cold", dest="cold", action="store_false", help="without the link")
    parser.add_argument("--quick", action="store_true", help="two networks, one seed, few inputs")
    parser.add_argument(
        "--again", action="append", default=[], choices=WAYS, help="measure this again"
    )
    parser.add_argument("--folder", type=Path, help="where to work; removed at the end")
    parser.add_argument("--trained", type=Path, default=folder(), help="where trained weights and "
                        "what was found are kept (%(default)s)")  # fmt: skip
    parser.add_argument("--markdown", type=Path, help="write what was found here too")
    parser.add_argument("--plots", type=Path, help="draw SVG files into this folder")
    parser.add_argument("--note", default="", help="what else the results should say")
    arguments = parser.parse_args(words)
    arguments.nets = arguments.nets.split(",")
    arguments.seeds = [int(seed) for seed in arguments.seeds.split(",")]
    if arguments.quick:
        arguments.nets, arguments.seeds, arguments.cold = list(_QUICK), [0], False
        arguments.inputs, arguments.few = _QUICK_INPUTS, _QUICK_FEW
    unknown = [name for name in arguments.nets if name not in NETS]
    if unknown:
        parser.error(f"no such networks: {', '.join(unknown)}")
    return arguments


def _measured(work: Path, arguments: argparse.Namespace) -> list[Found]:
    """Return what is found for each network and seed; what was found before is read."""
    found = []
    for seed in arguments.seeds:
        for name in arguments.nets:
            kept = arguments.trained / "found" / f"{name}-{seed}-{arguments.inputs}"
            paths = {way: kept.with_name(f"{kept.name}-{way}.json") for way in WAYS}
            there = {
                way: None if way in arguments.again else progressive_found.read(path)
                for way, path in paths.items()
            }
            controls, program = (there[way] for way in WAYS)
            if controls is None or program is None:
                place = make(name, seed, work / "net", arguments.trained, arguments.inputs)
                if controls is None:
                    # What takes longest is told of one seed: it has no bar.
                    few = arguments.few if seed == arguments.seeds[0] else 0
                    controls = measure.controls(place, arguments.trained, few)
                    progressive_found.write(controls, paths["controls"])
                if program is None:
                    program = measure.program(place, arguments.trained)
                    progressive_found.write(program, paths["program"])
            assert isinstance(controls, Controls)
            assert isinstance(program, Program)
            found.append(Found(name, seed, controls, program))
            print(progressive_report.line(found[-1]), flush=True)
    return found


def _cold(work: Path, arguments: argparse.Namespace) -> list[Cold]:
    """Time single answers of the large network behind a link."""
    place = make(LARGE, 0, work / "large", arguments.trained)
    modelhub(
        place.repository("progressive"),
        *("archive", place.rev, "--calibrate", str(place.calibration)),
    )
    return [progressive_cold.measure(place, latency, _SINGLE) for latency in _LATENCIES]
