"""Measure how fast snapshots are read by the archive's plans: `python -m bench retrieve`.

Why: the paper's Table V says what a plan that stores little costs its readers, and that leading
bytes under such a plan are read sooner than everything under the fastest one. Here it is measured
on real packs: fine-tune checkpoints and epochs in one repository, a copy of it for each plan.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import archival_paper, codec_data, plots
from bench.archival_part import Part, table
from bench.bench_archival import report
from bench.bench_main_job import Bar
from bench.codec_data import Tensors
from bench.data import MissingDataError
from bench.plots import Chart, Curve
from bench.process import ProgramFailedError, machine, modelhub
from bench.retrieve_reading import SCHEMES, Reading, Times, WrongValuesError
from modelhub.pas.store import cores_available
from modelhub.repository import Repository

__all__ = ["Measured", "bars", "main", "measure"]

PLANS = ("spt", "mst", "auto")
# Leading bytes of each value; 0 means all of them.
PLANES = (0, 2, 1)
_INPUTS = ("ft32", "scratch")
_ALPHA = 1.6
_MB, _MS = 1e6, 1e3
# The label that a version's last state gets.
_NEWEST = "final"


@dataclass(slots=True)
class Measured:
    """What was found for an input.

    Attributes:
        raw_bytes: Of each snapshot.
        budgets: Bytes that reading each snapshot may cost by auto's plan.
        times: By plan and leading bytes.
    """

    source: str
    snapshots: int
    raw_bytes: float
    budgets: list[float]
    times: dict[tuple[str, int], Times] = field(default_factory=dict)

    def mean_ms(self, plan: str, planes: int, scheme: str) -> float:
        """Return the average milliseconds of a snapshot."""
        return self.times[plan, planes].mean(scheme) * _MS

    def mean_read(self, plan: str, planes: int) -> float:
        """Return the average bytes read for a snapshot."""
        return sum(self.times[plan, planes].bytes_read) / self.snapshots


def main(words: list[str]) -> int:
    """Measure, print, and return 0 if every bar holds, else 1."""
    arguments = _parse(words)
    heading = [machine(), *([arguments.note] if arguments.note else [])]
    print("\n".join(heading), flush=True)
    try:
        if arguments.plots:
            plots.check()
        with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
            found, stored = measure(
                Path(name), arguments.inputs, arguments.runs, arguments.alpha, arguments.snapshots
            )
    except (MissingDataError, ProgramFailedError, WrongValuesError) as error:
        print(error, file=sys.stderr)
        return 1
    part = _part(found, stored, arguments.runs, arguments.alpha)
    print("\n".join(["", *part.lines]))
    return report("Reading snapshots", heading, [part], arguments.markdown, arguments.plots)


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench retrieve", description=__doc__)
    parser.add_argument(
        "--inputs", default=",".join(_INPUTS), help="some of: " + ", ".join(_INPUTS)
    )
    parser.add_argument("--runs", type=int, default=5, help="the best of so many counts")
    parser.add_argument("--alpha", type=float, default=_ALPHA, help="of the plan auto")
    parser.add_argument(
        "--snapshots", type=int, default=0, help="only the last so many of an input"
    )
    parser.add_argument("--folder", type=Path, help="where to work (2 GB); removed at the end")
    parser.add_argument("--markdown", type=Path, help="write what was found here too")
    parser.add_argument("--plots", type=Path, help="draw SVG files into this folder")
    parser.add_argument("--note", default="", help="what else the results should say")
    arguments = parser.parse_args(words)
    arguments.inputs = arguments.inputs.split(",")
    unknown = [name for name in arguments.inputs if name not in _INPUTS]
    if unknown:
        parser.error(f"no such inputs: {', '.join(unknown)}")
    return arguments


def measure(
    folder: Path, inputs: Sequence[str], runs: int, alpha: float, last: int = 0
) -> tuple[list[Measured], dict[str, int]]:
    """Make a repository and a copy for each plan, and time all of them.

    Args:
        last: Only so many snapshots of each input, the last ones; 0 means all.

    Returns:
        What was found for each input, and the bytes in packs by plan.

    Raises:
        WrongValuesError: a snapshot is read back otherwise than it was committed.
        ProgramFailedError: a verb failed.
    """
    labels = {source: codec_data.snapshots(source)[-last:] for source in inputs}
    first = folder / "committed"
    _commit(first, labels)
    stored: dict[str, int] = {}
    budgets: dict[str, float] = {}
    for plan in PLANS:
        copy = folder / plan
        shutil.copytree(first, copy)
        done = modelhub(copy, "archive", "--solver", plan, "--alpha", str(alpha)).document
        if plan == "auto":
            budgets = {one["rev"]: one["budget"] for one in done["snapshots"]}
        modelhub(copy, "gc")
        packs = (copy / ".modelhub").rglob("*.pack")
        stored[plan] = sum(path.stat().st_size for path in packs)
        print(f"archived by {plan}: {stored[plan] / _MB:.1f} MB in packs", flush=True)
    return [_measured(folder, source, labels[source], budgets, runs) for source in inputs], stored


def _commit(folder: Path, labels: dict[str, list[str]]) -> None:
    folder.mkdir()
    with Repository.init(folder) as repo:
        for source, names in labels.items():
            states: dict[str, Tensors] = {name: codec_data.load(source, name) for name in names}
            newest = states.pop(names[-1])
            repo.commit(source, newest, snapshots={f"s{name}": one for name, one in states.items()})


def _measured(
    folder: Path, source: str, labels: Sequence[str], budgets: Mapping[str, float], runs: int
) -> Measured:
    """Check and time the snapshots of an input; the plans take turns."""
    revs = [*(f"{source}@1#s{label}" for label in labels[:-1]), f"{source}@1#{_NEWEST}"]
    raw = sum(one.nbytes for one in codec_data.load(source, labels[0]).values())
    found = Measured(source, len(revs), raw, [budgets[rev] for rev in revs])
    for plan in PLANS:
        with Reading.open(folder / plan, revs, cores_available()) as reading:
            for planes in PLANES:
                found.times[plan, planes] = times = Times()
                times.seconds = {scheme: [float("inf")] * len(revs) for scheme in SCHEMES}
                for number, label in enumerate(labels):
                    tensors = codec_data.load(source, label)
                    times.bytes_read.append(reading.check(number, planes, tensors))
    for _ in range(runs):
        for plan in PLANS:
            with Reading.open(folder / plan, revs, cores_available()) as reading:
                _time(reading, plan, found)
    return found


def _time(reading: Reading, plan: str, found: Measured) -> None:
    # Packs are opened and memory is filled before.
    reading.seconds(0, 0, SCHEMES[0])
    for planes in PLANES:
        for scheme in SCHEMES:
            best = found.times[plan, planes].seconds[scheme]
            for number in range(found.snapshots):
                best[number] = min(best[number], reading.seconds(number, planes, scheme))


def bars(found: Sequence[Measured], stored: Mapping[str, int]) -> list[Bar]:
    """Return the bars, which are of bytes: budgets are kept, and what they allow for is saved."""
    made = []
    for one in found:
        pairs = zip(one.times["auto", 0].bytes_read, one.budgets, strict=True)
        worst = max(read / budget for read, budget in pairs)
        what = f"{one.source}, bytes read by auto over the budget, worst"
        made.append(Bar(what, worst, 1, "", False, digits=4))
    over = stored["auto"] / stored["spt"]
    return [*made, Bar("packs of auto over those of spt", over, 1, "", False)]


def claims(found: Sequence[Measured]) -> list[str]:
    """Say for each input and scheme whether the paper's claim about leading bytes is found here."""
    lines = []
    for one in found:
        for planes, scheme in itertools.product(PLANES[1:], SCHEMES):
            ratio = one.mean_ms("auto", planes, scheme) / one.mean_ms("spt", 0, scheme)
            verdict = "found" if ratio < 1 else "not found"
            lines.append(f"- {one.source}, {_named(planes)}, {scheme}: {ratio:.2f}, {verdict}")
    return lines


def _named(planes: int) -> str:
    return {0: "all", 1: "1 byte"}.get(planes, f"{planes} bytes")


def _part(found: Sequence[Measured], stored: dict[str, int], runs: int, alpha: float) -> Part:
    part = Part("By plan and leading bytes")
    sizes = ", ".join(f"{plan} {stored[plan] / _MB:.1f} MB" for plan in PLANS)
    part.lines += [
        f"Packs, archived at alpha {alpha:g}: {sizes}. Times are averages over the snapshots, of "
        f"each the best of {runs}, packs warm; independent: each tensor by its own chain, one "
        f"thread; parallel: tensors shared out among {cores_available()} threads. In brackets: "
        "over everything by spt; the paper's are those of its Table V, on other networks and "
        "machines.",
    ]
    for one in found:
        part.lines += ["", f"### {one.source}", ""]
        part.lines.append(
            f"{one.snapshots} snapshots of {one.raw_bytes / _MB:.1f} MB, every value compared."
        )
        part.lines += ["", *_rows(one)]
        part.charts.append(_chart(one))
    part.lines += [
        "",
        "The paper claims that leading bytes, by a plan that stores little, are read sooner than "
        "everything that stands alone. Seconds of auto's leading bytes over all of spt:",
        "",
        *claims(found),
    ]
    part.bars += bars(found, stored)
    return part


def _rows(one: Measured) -> list[str]:
    head = ("plan", "of each value", "MB read", "independent, ms", "parallel, ms")
    rows = []
    for planes in PLANES:
        for plan in PLANS:
            row = [plan, _named(planes)]
            row.append(f"{one.mean_read(plan, planes) / _MB:.1f}")
            for scheme in SCHEMES:
                ours = one.mean_ms(plan, planes, scheme)
                row.append(f"{ours:.1f} ({ours / one.mean_ms('spt', 0, scheme):.2f})")
            paper, full = archival_paper.RETRIEVAL.get((plan, planes)), archival_paper.RETRIEVAL
            for index in range(len(SCHEMES)):
                cell = ""
                if paper is not None:
                    cell = f"{paper[index]:.2f} ({paper[index] / full['spt', 0][index]:.2f})"
                row.append(cell)
            rows.append(row)
    return table([*head, "paper: independent, s", "parallel, s"], rows)


def _chart(one: Measured) -> Chart:
    names = [_named(planes) for planes in PLANES]
    chart = Chart(
        f"retrieve-{one.source}",
        f"{one.source}: reading a snapshot",
        "leading bytes of each value",
        "milliseconds",
        names=names,
    )
    for plan in PLANS:
        for scheme in SCHEMES:
            y = [one.mean_ms(plan, planes, scheme) for planes in PLANES]
            label = f"{plan}, {scheme}"
            chart.curves.append(Curve(label, range(len(y)), y, scheme == "parallel"))
    return chart
