"""Time the answer to one input of a network whose weights lie behind a slow link, cold.

All of a pack's payload is behind the link; its index and the network are near, as a tier has it.
Torch is loaded before, which takes as long whatever is read. Before each answer the cache of
companions is emptied and the repository opened anew.
"""

from __future__ import annotations

import shutil
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.progressive_link import Link, served
from bench.progressive_repository import LAYOUTS, Place
from modelhub.dlv.state import Repo
from modelhub.pas import tiers
from modelhub.pas.split import split_pack
from modelhub.repository import Repository

__all__ = ["Answer", "Cold", "measure"]

RATE = 10e6
# Layout and mode.
_WAYS = ((LAYOUTS[0], "exact"), (LAYOUTS[1], "exact"), (LAYOUTS[1], "progressive"))


@dataclass(frozen=True, slots=True)
class Answer:
    """Medians over some inputs: seconds, bytes through the link, requests; and mean seconds."""

    seconds: float
    nbytes: float
    requests: float
    mean: float


@dataclass(frozen=True, slots=True)
class Cold:
    """What was found at a latency.

    Attributes:
        latency: Seconds before each answer of the server.
        exact: Everything fetched, by layout.
        progressive: By prefixes.
        proved: Share of the inputs that prefixes proved.
    """

    latency: float
    exact: dict[str, Answer]
    progressive: Answer
    proved: float

    @property
    def gain(self) -> float:
        """How many times as long the faster of the exact ways takes."""
        return min(one.seconds for one in self.exact.values()) / self.progressive.seconds


def measure(place: Place, latency: float, inputs: int, runs: int = 3) -> Cold:
    """Put both layouts of a network behind a link and time the answers to single inputs.

    Args:
        place: A network that is calibrated; its repositories are copied.
        latency: Seconds before each answer of the server.
        inputs: How many inputs, one at a time.
        runs: The best of so many counts, for each input.
    """
    work = place.folder / "cold"
    shutil.rmtree(work, ignore_errors=True)
    (work / "served").mkdir(parents=True)
    files = _single(place, work, inputs)
    link = Link(RATE, latency)
    rows: dict[tuple[str, str], list[tuple[float, int, int]]] = {way: [] for way in _WAYS}
    statuses: list[str] = []
    with served(work / "served", link) as url:
        for layout in LAYOUTS:
            shutil.copytree(place.repository(layout), work / layout)
            _send_away(work / layout, work / "served" / layout, f"{url}/{layout}")
        for path in files:
            # The ways take turns, so that other work on the machine falls on all alike.
            turns = [
                [_answer(work / layout, place.rev, path, mode, link) for layout, mode in _WAYS]
                for _ in range(runs)
            ]
            for way, told in zip(_WAYS, zip(*turns, strict=True), strict=True):
                row, status = min(told)
                rows[way].append(row)
                statuses += [status] if way[1] == "progressive" else []
    shutil.rmtree(work)
    answers = {way: _medians(found) for way, found in rows.items()}
    proved = sum(status in ("certified", "tie") for status in statuses) / len(statuses)
    exact = {layout: answers[layout, "exact"] for layout in LAYOUTS}
    return Cold(latency, exact, answers["progressive", "progressive"], proved)


def _single(place: Place, work: Path, inputs: int) -> list[Path]:
    with np.load(place.test) as arrays:
        images, labels = arrays["x"], arrays["y"]
    files = [work / f"{number}.npz" for number in range(min(inputs, len(images)))]
    for number, path in enumerate(files):
        np.savez(path, x=images[number : number + 1], y=labels[number : number + 1])
    return files


def _send_away(root: Path, folder: Path, url: str) -> None:
    """Put all payload of a repository's packs into a folder, and name the URL that it has."""
    folder.mkdir()
    with Repository.open(root) as repo:
        repo.set_tier(folder, 1)
    tier = tiers.open_tier(str(folder))
    with Repo.open(root) as repo:
        for path in sorted(repo.layout.packs_dir.rglob("*.pack")):
            # No plane stays near, which the program would not do: it is the link that is measured.
            split_pack(repo.layout, tier, bytes.fromhex(path.stem), 0)
    with Repository.open(root) as repo:
        repo.set_tier(url, 1)


def _answer(
    root: Path, rev: str, path: Path, mode: str, link: Link
) -> tuple[tuple[float, int, int], str]:
    """Return seconds, bytes and requests of one answer, and its status."""
    shutil.rmtree(root / ".modelhub" / "cache", ignore_errors=True)
    sent, requests, begun = link.sent, link.requests, time.perf_counter()
    with Repository.open(root) as repo:
        (told,) = repo.evaluate(rev, data=path, mode=mode, keep=False)
    row = (time.perf_counter() - begun, link.sent - sent, link.requests - requests)
    given = told.predictions.status
    return row, "exact" if given is None else str(given[0])


def _medians(rows: list[tuple[float, int, int]]) -> Answer:
    seconds, nbytes, requests = (statistics.median(column) for column in zip(*rows, strict=True))
    return Answer(seconds, nbytes, requests, statistics.fmean(row[0] for row in rows))
