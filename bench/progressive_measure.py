"""Measure progressive evaluation of one network on all that is held out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from bench.process import modelhub
from bench.progressive_climb import Climbed, boxes_of, climb, float64_values, uniform
from bench.progressive_found import Found, Method, Pace
from bench.progressive_repository import Place, make, module_of
from modelhub.dlv.prefixes import Prefixes
from modelhub.net.graph import Network
from modelhub.progressive.margins import labels, logits
from modelhub.progressive.propagate import evaluate
from modelhub.repository import Repository

__all__ = ["CERTIFIED", "UNIFORM", "measure"]

CERTIFIED, UNIFORM, BITS = "certified", "uniform bytes", "uniform bits"
# Quantiles that are kept of the bytes at which inputs are decided.
_RANKS = 1001
_BATCH = 100
_TURNS = 4
# An estimate may read so much.
ESTIMATE_SHARE = 0.30

Labels = npt.NDArray[np.int64]


def measure(
    name: str, seed: int, folder: Path, trained: Path | None, held_out: int = 0, few: int = 200
) -> Found:
    """Commit a network in both layouts, calibrate it, and evaluate what is held out in every way.

    Args:
        folder: Where to work; what is there is removed first.
        trained: The folder of trained weights.
        held_out: How many of the inputs held out are used; 0 means all.
        few: How many of them the uniform prefixes are proved on, which proves little for its time.

    Raises:
        MissingDataError: what the network learns from is not installed.
        ProgramFailedError: a verb failed.
    """
    place = make(name, seed, folder, trained, held_out)
    with np.load(place.test) as arrays:
        images, right = arrays["x"], arrays["y"]
    begun = time.perf_counter()
    modelhub(
        place.repository("progressive"),
        *("archive", place.rev, "--calibrate", str(place.calibration)),
    )
    calibration = time.perf_counter() - begun
    module = module_of(name, seed, trained)
    with torch.no_grad():
        single = module(torch.from_numpy(images)).numpy()
    with (
        Repository.open(place.repository("ordinary")) as ordinary,
        Repository.open(place.repository("progressive")) as progressive,
    ):
        version = ordinary[place.rev]
        network = version.network()
        exact = float64_values(network, dict(version.weights()), images).argmax(1)
        there = {"ordinary": ordinary, "progressive": progressive}

        def prefixes(layout: str) -> Prefixes:
            return there[layout][place.rev].prefixes()

        found = Found(
            name,
            seed,
            values=sum(int(np.prod(t.shape)) for t in network.tensors if t.role == "parameter"),
            accuracy=float((single.argmax(1) == right).mean()),
            ordinary=prefixes("ordinary").bytes_full,
            progressive=prefixes("progressive").bytes_full,
            calibration=calibration,
            pace=_pace(network, module, prefixes("progressive"), images[:_BATCH]),
        )
        found.methods[CERTIFIED] = _program(progressive, place, exact, single.argmax(1))
        for method, layout in ((UNIFORM, "ordinary"), (BITS, "progressive")):
            found.methods[method] = _uniform(
                network, lambda layout=layout: prefixes(layout), images, exact, few
            )
        found.estimate = _estimate(progressive, place, exact)
    return found


def _program(repo: Repository, place: Place, exact: Labels, single: Labels) -> Method:
    """Return how `eval --progressive` does."""
    (told,) = repo.evaluate(place.rev, data=place.test, mode="progressive", keep=False, always=True)
    given = told.predictions
    certified, tie = given.status == "certified", given.status == "tie"
    return Method(
        len(exact),
        told.bytes_full,
        certified=float(certified.mean()),
        ties=float(tie.mean()),
        wrong64=int((given.label != exact)[certified | tie].sum()),
        wrong32=int((given.label != single)[certified].sum()),
        decided=_ranked(given.nbytes, told.bytes_full),
    )


def _ranked(nbytes: npt.NDArray[np.int64], full: int) -> list[float]:
    """Return the bytes at which inputs are decided, as shares, at equal steps of rank."""
    shares = np.quantile(nbytes / full, np.linspace(0, 1, _RANKS), method="inverted_cdf")
    return [round(float(share), 5) for share in shares]


def _uniform(
    network: Network,
    prefixes: Callable[[], Prefixes],
    images: npt.NDArray[np.float32],
    exact: Labels,
    few: int,
) -> Method:
    """Return how prefixes of the same segments of every tensor do."""
    looked = prefixes()
    seen = climb(network, looked, uniform(looked), images, exact, prove=False)
    fresh = prefixes()
    proved: Climbed = climb(network, fresh, uniform(fresh), images[:few], exact[:few])
    there = proved.label >= 0
    return Method(
        len(proved.label),
        proved.full,
        certified=float(there.mean()),
        ties=0.0,
        wrong64=int((proved.label != exact[:few])[there].sum()),
        wrong32=0,
        decided=_ranked(proved.nbytes, proved.full),
        steps=[(nbytes / seen.full, agreed) for nbytes, _, agreed in seen.curve],
    )


def _estimate(repo: Repository, place: Place, exact: Labels) -> tuple[float, float, float]:
    """Return the share of bytes, the agreement and the audited bound of `eval --estimate`."""
    (told,) = repo.evaluate(place.rev, data=place.test, mode="estimate", keep=False)
    agreed = float((told.predictions.label == exact).mean())
    return told.bytes_read / told.bytes_full, agreed, float(told.facts.get("audit_bound", 0.0))


def _pace(network: Network, module: nn.Module, prefixes: Prefixes, images: Any) -> Pace:
    """Return seconds of a batch on one thread, of each the best of a few."""
    rungs = uniform(prefixes)
    prefixes.read(rungs[len(rungs) // 2])
    boxes = boxes_of(prefixes)
    weights = {name: value.double() for name, value in module.state_dict().items()}
    given = {next(iter(network.inputs)): torch.from_numpy(images)}
    best = [math.inf] * 3
    runs: tuple[Callable[[], Any], ...] = (
        lambda: module(torch.from_numpy(images)),
        lambda: evaluate(network, weights, given),
        lambda: labels(logits(network, boxes, given)),
    )
    with torch.no_grad():
        for _ in range(_TURNS):
            for place, run in enumerate(runs):
                begun = time.thread_time()
                run()
                best[place] = min(best[place], time.thread_time() - begun)
    return Pace(*best)
