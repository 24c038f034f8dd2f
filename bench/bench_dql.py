"""Measure queries: `python -m bench dql`.

Why: a query language over models is worth having only if asking is quicker than looking, also where
there are many models, and if what it makes of networks is there at once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from bench import data, dql_edits, dql_networks
from bench.bench_main_job import Bar
from bench.dql_repositories import many_networks, many_versions
from bench.process import ProgramFailedError, machine, modelhub, use_one_core
from modelhub.dlv.state import Repo
from modelhub.query.backend import RepoBackend
from modelhub.query.run import answer, opened

__all__ = ["Cold", "Figures", "Row", "bars", "main", "page", "scanned", "timed"]

_VERSIONS = 100_000
_NETWORKS = 10_000
# Of the networks so many have what the structural query asks for.
_SHARE = 0.1
_ROUNDS = 5

METADATA = (
    'select m where m.name = "model-0500"',
    "select m where m.metrics.accuracy > 0.999",
    "select m where m.metrics.accuracy.best > 0.999 and m.config.base_lr = 0.01",
    'select m where m.name like "model-00%" and m.metrics.loss < 0.01',
    "select count() from m where m.metrics.accuracy > 0.99",
)
STRUCTURE = (
    'select m where m["conv[1,3,5]"].next has POOL("AVG")',
    "select m where m has CONV -> BN -> RELU -> CONV and not m has ADD",
)
_COLD = """
import json, sys, time
from pathlib import Path
begun = time.process_time()
import modelhub
repository = modelhub.Repository.open(sys.argv[1])
loaded = time.process_time()
rows = len(repository.query(sys.argv[2]))
print(json.dumps([loaded - begun, time.process_time() - loaded, rows]))
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A query with the rows that it finds, and milliseconds by an index and by looking at all."""

    query: str
    rows: int
    indexed_ms: float
    scanned_ms: float


@dataclass(frozen=True, slots=True)
class Cold:
    """A query in a fresh process: seconds to load, to answer, and of the verb in all."""

    query: str
    rows: int
    load_s: float
    answer_s: float
    verb_s: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; see `bench.dql_edits` for `made`."""

    metadata: list[Row]
    structure: list[Cold]
    made: dict[str, float]
    forward: list[dql_networks.RunTimes]
    minilm: dql_networks.ImportTimes


class _Scanning(RepoBackend):
    """A backend that knows no index."""

    def estimate(self, probe: object) -> int | None:  # noqa: ARG002
        return None


def timed(root: Path, query: str, rounds: int = _ROUNDS) -> tuple[int, float]:
    """Return the rows of a query and the least processor milliseconds of a run."""
    least, rows = float("inf"), 0
    with Repo.open(root) as repo:
        for _ in range(rounds):
            begun = time.process_time()
            with opened(repo) as backend:
                rows = len(answer(backend, query, {}).rows)
            least = min(least, time.process_time() - begun)
    return rows, least * 1e3


def scanned(root: Path, query: str) -> tuple[int, float]:
    """Return the same where every version is looked at, once."""
    with Repo.open(root) as repo, repo.catalog.read() as txn:
        begun = time.process_time()
        rows = len(answer(_Scanning(repo, txn), query, {}).rows)
        return rows, (time.process_time() - begun) * 1e3


def _metadata(folder: Path) -> list[Row]:
    many_versions(folder, _VERSIONS)
    found = []
    for query in METADATA:
        rows, indexed = timed(folder, query)
        same, slow = scanned(folder, query)
        if rows != same:
            raise AssertionError(f"{query}: {rows} rows by an index, {same} by looking at all")
        found.append(Row(query, rows, indexed, slow))
        print(f"{query}: {rows} rows, {indexed:.1f} ms, {slow:.0f} ms by scan", flush=True)
    return found


def _cold(folder: Path) -> list[Cold]:
    """Ask each structural query in fresh processes."""
    many_networks(folder, _NETWORKS, _SHARE)
    found = []
    for query in STRUCTURE:
        runs = []
        for _ in range(_ROUNDS):
            done = subprocess.run(
                [sys.executable, "-c", _COLD, str(folder), query],
                capture_output=True, check=True, text=True,
            )  # fmt: skip
            runs.append(json.loads(done.stdout))
        load, inside, rows = min(runs, key=lambda run: run[1])
        whole = min(modelhub(folder, "query", query).seconds for _ in range(2))
        found.append(Cold(query, int(rows), load, inside, whole))
        print(f"{query}: {rows} rows, {inside:.2f} s, verb {whole:.2f} s", flush=True)
    return found


def bars(figures: Figures) -> list[Bar]:
    """Hold the figures against what must be reached."""
    metadata = max(row.indexed_ms for row in figures.metadata)
    cold = max(row.answer_s for row in figures.structure)
    construct = figures.made["construct, one layer more"]
    return [
        Bar(f"metadata select over {_VERSIONS:,} versions", metadata, 50, "ms", at_least=False),
        Bar(f"structural select over {_NETWORKS:,} networks, cold", cold, 1, "s", at_least=False),
        Bar("slice of a 1,000-node network", figures.made["slice"], 100, "ms", at_least=False),
        Bar("construct of a 1,000-node network", construct, 100, "ms", at_least=False),
        *(
            Bar(
                f"{run.name}, network beside module",
                run.ratio,
                dql_networks.BARS["run"],
                "x",
                at_least=False,
            )
            for run in figures.forward
        ),
        Bar(
            "import of MiniLM's network",
            figures.minilm.network,
            dql_networks.BARS["import"],
            "s",
            at_least=False,
        ),
    ]


def page(figures: Figures, heading: str) -> str:
    """Return all figures in Markdown."""
    minilm = figures.minilm
    tables = (
        (
            f"## Metadata, {_VERSIONS:,} versions",
            ("query", "rows", "by index, ms", "looking at all, ms"),
            [
                (f"`{row.query}`", row.rows, f"{row.indexed_ms:.1f}", f"{row.scanned_ms:.0f}")
                for row in figures.metadata
            ],
        ),
        (
            f"## Structure, {_NETWORKS:,} networks, in a fresh process",
            ("query", "rows", "answer, s", "loading before, s", "the verb in all, s"),
            [
                (f"`{row.query}`", row.rows, *(f"{s:.2f}" for s in
                 (row.answer_s, row.load_s, row.verb_s)))
                for row in figures.structure
            ],
        ),
        (
            "## Networks of 1,000 nodes",
            ("what", "ms"),
            [(what, f"{ms:.1f}") for what, ms in figures.made.items()],
        ),
        (
            "## Running a network",
            ("forward", "module, ms", "network, ms"),
            [(run.name, f"{run.module:.2f}", f"{run.network:.2f}") for run in figures.forward],
        ),
    )  # fmt: skip
    parts = [f"# Queries\n\n`python -m bench dql`, {heading}. Processor time, but for the verb."]
    parts += [f"{title}\n\n{_table(names, rows)}" for title, names, rows in tables]
    parts.append(
        f"MiniLM's network of {minilm.nodes} nodes was imported in {minilm.network:.2f} s, after "
        f"{minilm.packages:.2f} s of loading torch and transformers."
    )
    parts.append("## Bars\n\n" + "\n".join(f"- {bar}" for bar in bars(figures)))
    return "\n\n".join(parts) + "\n"


def _table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main(words: Sequence[str]) -> int:
    """Measure, print, and return 0 if every bar holds, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench dql", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to work; needs 1 GB")
    parser.add_argument("--markdown", type=Path, help="also write the tables there")
    arguments = parser.parse_args(words)
    heading = f"{machine()}, one core (number {use_one_core()})"
    print(heading)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    try:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
            figures = Figures(
                metadata=_metadata(Path(name) / "versions"),
                structure=_cold(Path(name) / "networks"),
                made=dql_edits.made_of_large(dql_edits.large_chain()),
                forward=dql_networks.runs(),
                minilm=dql_networks.minilm_import(),
            )
    except (data.MissingDataError, ProgramFailedError) as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.markdown:
        arguments.markdown.write_text(page(figures, heading))
    for bar in bars(figures):
        print(bar)
    return 0 if all(bar.holds for bar in bars(figures)) else 1
