"""Run the measurements: `python -m bench`, with `--memory` for the large checkpoint too.

`python -m bench codec` measures the codec alone, beside its peers; `python -m bench candidates`
how bases are found without being told; `python -m bench archival` the planner of the archive, and
`python -m bench retrieve` how fast snapshots are read by its plans; `python -m bench dql` queries;
`python -m bench progressive` what leading bits prove; `python -m bench layouts` what the two
layouts of packs take.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import (
    bench_archival,
    bench_archive,
    bench_candidates,
    bench_codec,
    bench_dql,
    bench_layouts,
    bench_main_job,
    bench_progressive,
    bench_retrieve,
    data,
)
from bench.process import ProgramFailedError, machine, use_one_core

# Twenty tensors of 100 MB: a checkpoint of 2 GB, on which streaming by tensor must show.
LARGE_TENSORS = 20
LARGE_TENSOR_BYTES = 100_000_000

_OTHERS = {
    "codec": bench_codec.main,
    "candidates": bench_candidates.main,
    "archival": bench_archival.main,
    "archive": bench_archive.main,
    "retrieve": bench_retrieve.main,
    "dql": bench_dql.main,
    "layouts": bench_layouts.main,
    "progressive": bench_progressive.main,
}


def main() -> int:
    """Measure and return 0 if every bar holds, else 1."""
    if len(sys.argv) > 1 and sys.argv[1] in _OTHERS:
        return _OTHERS[sys.argv[1]](sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="the best of so many counts")
    parser.add_argument("--memory", action="store_true", help="the 2 GB checkpoint too (6 GB disk)")
    parser.add_argument("--folder", type=Path, help="where to work; removed things stay inside it")
    arguments = parser.parse_args()
    print(machine())
    try:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
            bars = _measure(Path(name), arguments.runs, arguments.memory)
    except (data.MissingDataError, ProgramFailedError) as error:
        print(error, file=sys.stderr)
        return 1
    for bar in bars:
        print(bar)
    return 0 if all(bar.holds for bar in bars) else 1


def _measure(folder: Path, runs: int, memory: bool) -> list[bench_main_job.Bar]:
    weights = data.minilm_weights()
    # Read once, so that every run below finds the file in memory.
    print(f"{weights.name} of all-MiniLM-L6-v2, {len(weights.read_bytes()) / 1e6:.1f} MB, warm")
    bars = []
    if memory:
        bars += bench_main_job.measure_memory(folder, LARGE_TENSORS, LARGE_TENSOR_BYTES)
    print(f"one core (number {use_one_core()}), best of {runs}:")
    return bars + bench_main_job.measure_speed(folder, weights, runs)


if __name__ == "__main__":
    sys.exit(main())
