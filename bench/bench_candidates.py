"""Measure how bases are found without being told: `python -m bench candidates`.

Why: a fine-tune that comes from elsewhere must find what it was made from among all that is stored,
no network may be stored against a stranger at a loss, and looking must cost next to nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench import data, mixed_data
from bench.bench_main_job import Bar
from bench.codec_data import Array
from bench.mixed_data import Arrival
from bench.process import machine, use_one_core
from modelhub import _core, ids
from modelhub.codec import encode
from modelhub.dlv.candidates import Candidates
from modelhub.dlv.commit import commit_content
from modelhub.dlv.memory import content_of
from modelhub.dlv.state import Repo
from modelhub.pas.estimate import estimate
from modelhub.pas.store import Store
from modelhub.tensors.arrays import TensorSpec, spec_of, to_bytes
from modelhub.tensors.dtypes import by_code
from modelhub.tensors.sketches import ELEMENTS_MIN, Sketch, sketch

__all__ = ["Figures", "Row", "bars", "main", "measure", "table"]

_FOUND_MIN = 95.0
_LOOKUP_MS_MAX = 10.0
_ERROR_MAX = 10.0
_SET_BYTES = 100e6
# Errors of what takes less than this share of the raw bytes do not matter to any plan.
_SMALL = 0.02
_LOOKUPS = 5


@dataclass(slots=True)
class Row:
    """What was counted for one arrival; bytes are of tensors that were new.

    Attributes:
        known: Tensors with a true base, large enough to be sketched.
        found: Those whose best candidate is a true base.
        strangers: Tensors stored against another layer or network.
        lost_bytes: What those take more than alone, or than against a true base.
        sketch_ms, lookup_ms: For all tensors, the best of five, processor time.
    """

    name: str
    tensors: int = 0
    known: int = 0
    found: int = 0
    deltas: int = 0
    strangers: int = 0
    lost_bytes: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0
    alone_bytes: int = 0
    sketch_ms: float = 0.0
    lookup_ms: float = 0.0
    errors: list[float] = field(default_factory=list)

    def per_set(self, milliseconds: float) -> float:
        """Return milliseconds for 100 MB of such tensors; a smaller set counts as it is."""
        return milliseconds * min(1.0, _SET_BYTES / max(self.raw_bytes, 1))


@dataclass(slots=True)
class Figures:
    """The arrivals in order."""

    rows: list[Row]

    @property
    def found(self) -> float:
        """The share of true bases found, in per cent."""
        known = sum(row.known for row in self.rows)
        return 100 * sum(row.found for row in self.rows) / known if known else 0.0

    @property
    def errors(self) -> list[float]:
        """Relative errors of estimates of deltas, in per cent."""
        return [error for row in self.rows for error in row.errors]


def measure(folder: Path, corpus: Iterable[Arrival]) -> Figures:
    """Commit each arrival as a model of its own, without lineage, and look at what it stands on."""
    layers: dict[bytes, set[tuple[str, str]]] = {}
    rows = []
    with Repo.init(folder / "repository") as repo:
        for arrival in corpus:
            row = Row(arrival.name)
            _look_up(repo, arrival, layers, row)
            new = {
                name: tensor
                for name, tensor in arrival.tensors.items()
                if not repo.store.contains(_id(tensor))
            }
            commit_content(repo, arrival.name, content_of(arrival.tensors, {}, [], {}, {}))
            for name, tensor in new.items():
                _count(repo.store, tensor, (arrival.family, arrival.layers[name]), layers, row)
            for name, tensor in arrival.tensors.items():
                place = (arrival.family, arrival.layers[name])
                layers.setdefault(_id(tensor), set()).add(place)
            rows.append(row)
            print(_line(row), flush=True)
    return Figures(rows)


def _id(tensor: Array) -> bytes:
    spec = spec_of(tensor)
    return ids.tensor_id(spec.dtype, spec.shape, to_bytes(tensor))


def _look_up(
    repo: Repo, arrival: Arrival, layers: dict[bytes, set[tuple[str, str]]], row: Row
) -> None:
    """Time the look-ups of a set that is stored nowhere yet, and see what they find."""
    taken = {place for places in layers.values() for place in places}
    items = [
        (name, spec_of(t), to_bytes(t))
        for name, t in arrival.tensors.items()
        if not repo.store.contains(_id(t))
    ]
    row.raw_bytes = sum(spec.nbytes for _, spec, _ in items)
    row.sketch_ms = row.lookup_ms = float("inf")
    candidates = Candidates(repo.catalog)
    for _ in range(_LOOKUPS):
        begun = time.thread_time()
        sketches: list[Sketch | None] = [sketch(spec, raw) for _, spec, raw in items]
        between = time.thread_time()
        found = [
            candidates.find(name, spec, mine)
            for (name, spec, _), mine in zip(items, sketches, strict=True)
        ]
        ended = time.thread_time()
        row.sketch_ms = min(row.sketch_ms, 1e3 * (between - begun))
        row.lookup_ms = min(row.lookup_ms, 1e3 * (ended - between))
    for (name, spec, _), best in zip(items, found, strict=True):
        place = (arrival.family, arrival.layers[name])
        if place in taken and spec.count >= ELEMENTS_MIN:
            row.known += 1
            row.found += bool(best) and place in layers.get(best[0].id, ())


def _count(
    store: Store,
    tensor: Array,
    place: tuple[str, str],
    layers: dict[bytes, set[tuple[str, str]]],
    row: Row,
) -> None:
    """Look at a tensor as it was stored."""
    spec, raw = spec_of(tensor), to_bytes(tensor)
    entry = store.entry(_id(tensor))
    alone = len(encode(tensor))
    row.tensors += 1
    row.stored_bytes += entry.stored_bytes
    row.alone_bytes += alone
    if entry.base is None:
        return
    row.deltas += 1
    guess = estimate(raw, spec, store.read(entry.base).data, _spec(store.entry(entry.base)))
    error = abs(guess.stored_bytes - entry.stored_bytes)
    row.errors.append(100 * error / max(entry.stored_bytes, _SMALL * spec.nbytes))
    if place in layers.get(entry.base, ()):
        return
    row.strangers += 1
    best = alone
    for object_id, places in layers.items():
        if place in places:
            other = store.entry(object_id)
            best = min(
                best,
                estimate(raw, spec, store.read(object_id).data, _spec(other)).stored_bytes,
            )
    row.lost_bytes += max(0, entry.stored_bytes - best)


def _spec(entry: _core.Entry) -> TensorSpec:
    return TensorSpec(by_code(entry.dtype_code).name, entry.shape)


def bars(figures: Figures) -> list[Bar]:
    """Hold the figures against what must be reached."""
    rows = figures.rows
    lookup = max((row.per_set(row.lookup_ms) for row in rows), default=0.0)
    worst = max(figures.errors, default=0.0)
    lost = float(sum(row.lost_bytes for row in rows))
    return [
        Bar("true bases found", figures.found, _FOUND_MIN, "%", at_least=True),
        Bar("bytes lost to false bases", lost, 0.0, "bytes", at_least=False),
        Bar("look-up of a 100 MB set, worst", lookup, _LOOKUP_MS_MAX, "ms", at_least=False),
        Bar("error of an estimate, worst", worst, _ERROR_MAX, "%", at_least=False),
    ]


_HEADINGS = (
    "arrival",
    "MB",
    "new tensors",
    "true bases found",
    "deltas",
    "on strangers",
    "bytes lost",
    "stored, of alone",
    "sketches, ms",
    "look-ups, ms",
    "estimates off by, worst",
)


def table(figures: Figures) -> str:
    """Return the rows as a table of Markdown."""
    lines = ["| " + " | ".join(_HEADINGS) + " |", "|" + "---|" * len(_HEADINGS)]
    return "\n".join(lines + [_line(row) for row in figures.rows])


def _line(row: Row) -> str:
    cells = (
        row.name,
        f"{row.raw_bytes / 1e6:.1f}",
        str(row.tensors),
        f"{row.found} of {row.known}",
        str(row.deltas),
        str(row.strangers),
        str(row.lost_bytes),
        f"{100 * row.stored_bytes / max(row.alone_bytes, 1):.1f} %",
        f"{row.sketch_ms:.1f}",
        f"{row.lookup_ms:.1f}",
        f"{max(row.errors):.1f} %" if row.errors else "",
    )
    return "| " + " | ".join(cells) + " |"


def main(words: list[str]) -> int:
    """Measure, print, and return 0 if every bar holds, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench candidates", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to work; needs 1 GB")
    parser.add_argument("--markdown", type=Path, help="also write the table there")
    arguments = parser.parse_args(words)
    heading = f"{machine()}, one core (number {use_one_core()})"
    print(heading)
    try:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
            figures = measure(Path(name), mixed_data.arrivals())
    except data.MissingDataError as error:
        print(error, file=sys.stderr)
        return 1
    errors = figures.errors
    mean = sum(errors) / len(errors) if errors else 0.0
    found = [str(bar) for bar in bars(figures)]
    found.append(f"error of an estimate, mean of {len(errors)}: {mean:.2f} %")
    print("\n".join(found))
    if arguments.markdown:
        text = [f"# Bases found without being told\n\n`python -m bench candidates`, {heading}.\n"]
        text += [table(figures), "\n" + "\n".join(f"- {line}" for line in found) + "\n"]
        arguments.markdown.write_text("\n".join(text))
    return 0 if all(bar.holds for bar in bars(figures)) else 1
