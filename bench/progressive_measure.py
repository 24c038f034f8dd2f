"""Measure progressive evaluation of one network on what is held out.

The *controls* are what is found by the bounds alone: the same prefix of every tensor, as the paper
reads, and what bounds cost. The *program* is `archive --calibrate` and `eval`.
"""

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
from bench.progressive_climb import Schedule, boxes_of, climb, float64_values, uniform
from bench.progressive_flips import attack
from bench.progressive_found import Controls, Method, Pace, Program, ranked
from bench.progressive_repository import Place, module_of
from modelhub.dlv.evaluate_options import Evaluation
from modelhub.dlv.ladders import LADDER, calibration_in
from modelhub.dlv.prefixes import Prefixes
from modelhub.net.graph import Network
from modelhub.progressive.margins import labels
from modelhub.progressive.prepare import prepare
from modelhub.progressive.propagate import evaluate
from modelhub.repository import Repository, Version

__all__ = ["BITS", "UNIFORM", "controls", "program"]

# The same leading bytes of every tensor, ordinary layout; the same leading bits, progressive one.
UNIFORM, BITS = "same bytes", "same bits"
_BATCH = 100
_TURNS = 4
# Inputs whose proofs are searched for a mistake, which takes long.
_ATTACKED = 40

Labels = npt.NDArray[np.int64]


def controls(place: Place, trained: Path | None = None, few: int = 200) -> Controls:
    """Read the same prefix of every tensor, in both layouts, and time the bounds.

    Args:
        trained: The folder of trained weights.
        few: How many of the inputs prefixes are proved on, which proves little for its time; 0
            leaves the prefixes out.

    Raises:
        MissingDataError: what the network learns from is not installed.
    """
    images, right = _held_out(place)
    module = module_of(place.name, place.seed, trained)
    methods = {}
    full = {}
    for method, layout in ((UNIFORM, "ordinary"), (BITS, "progressive")):
        with Repository.open(place.repository(layout)) as repo:
            version = repo[place.rev]
            network, weights = version.network(), dict(version.weights())
            exact = float64_values(network, weights, images).argmax(1)
            full[layout] = version.prefixes().bytes_full
            if few:
                methods[method] = _uniform(network, version.prefixes, images, exact, few)
            # Of both layouts the same; the last one stays.
            pace = _pace(network, module, version.prefixes(), images[:_BATCH])
    return Controls(
        values=sum(parameter.numel() for parameter in module.parameters()),
        accuracy=float((_single(module, images) == right).mean()),
        ordinary=full["ordinary"],
        progressive=full["progressive"],
        pace=pace,
        methods=methods,
    )


def program(place: Place, trained: Path | None = None) -> Program:
    """Calibrate a network, and evaluate what is held out by prefixes and by estimates.

    Raises:
        MissingDataError: what the network learns from is not installed.
        ProgramFailedError: a verb failed.
    """
    root = place.repository("progressive")
    cost = modelhub(root, "archive", place.rev, "--calibrate", str(place.calibration))
    images, _ = _held_out(place)
    single = _single(module_of(place.name, place.seed, trained), images)
    with Repository.open(root) as repo:
        version = repo[place.rev]
        network = version.network()
        exact = float64_values(network, dict(version.weights()), images).argmax(1)
        (told,) = repo.evaluate(place.rev, data=place.test, mode="progressive", keep=False)
        given, few = told.predictions, slice(_ATTACKED)
        assert given.nbytes is not None
        rungs = _rungs(version)
        seen = climb(network, version.prefixes(), rungs, images, exact, prove=False)
        steps = [(nbytes / seen.full, agreed) for nbytes, _, agreed in seen.curve]
        return Program(
            cost.processor_seconds,
            _certified(told, exact, single, steps),
            _estimate(repo, place, exact),
            attack(
                *(network, version.prefixes(), rungs, images[few]),
                *(given.label[few], given.nbytes[few]),
            ),
        )


def _rungs(version: Version) -> list[Schedule]:
    """Return the ladder that was calibrated, but for what reads all."""
    kept = (calibration_in(one.value) for one in version.annotations if one.key == LADDER)
    ladder = [one for one in kept if one is not None][-1]
    full = version.prefixes().bytes_full
    return [rung.schedule for rung in ladder.rungs if rung.nbytes < full]


def _held_out(place: Place) -> tuple[npt.NDArray[np.float32], Labels]:
    with np.load(place.test) as arrays:
        return arrays["x"], arrays["y"]


def _single(module: nn.Module, images: npt.NDArray[np.float32]) -> Labels:
    """Return the labels that a module gives in float32."""
    with torch.no_grad():
        found: Labels = module(torch.from_numpy(images)).argmax(1).numpy()
    return found


def _certified(
    told: Evaluation, exact: Labels, single: Labels, steps: list[tuple[float, float]]
) -> Method:
    """Return how `eval --progressive` does."""
    given = told.predictions
    assert given.status is not None
    assert given.nbytes is not None
    certified, tie = given.status == "certified", given.status == "tie"
    return Method(
        len(exact),
        told.bytes_full,
        certified=float(certified.mean()),
        ties=float(tie.mean()),
        wrong64=int((given.label != exact)[certified | tie].sum()),
        wrong32=int((given.label != single)[certified].sum()),
        decided=ranked(given.nbytes, told.bytes_full),
        steps=steps,
    )


def _estimate(repo: Repository, place: Place, exact: Labels) -> tuple[float, float, float]:
    """Return the share of bytes, the agreement and the audited bound of `eval --estimate`."""
    (told,) = repo.evaluate(place.rev, data=place.test, mode="estimate", keep=False)
    agreed = float((told.predictions.label == exact).mean())
    bound = told.facts["audit"]["upper_bound"]
    read = told.facts["estimate_bytes"] / told.bytes_full
    return read, agreed, math.nan if bound is None else bound


def _uniform(
    network: Network,
    prefixes: Callable[[], Prefixes],
    images: npt.NDArray[np.float32],
    exact: Labels,
    few: int,
) -> Method:
    """Return how prefixes of the same segments of every tensor do."""
    looked = prefixes()
    seen = climb(network, looked, uniform(network, looked), images, exact, prove=False)
    fresh = prefixes()
    proved = climb(network, fresh, uniform(network, fresh), images[:few], exact[:few])
    there = proved.label >= 0
    return Method(
        len(proved.label),
        proved.full,
        certified=float(there.mean()),
        ties=0.0,
        wrong64=int((proved.label != exact[:few])[there].sum()),
        wrong32=0,
        decided=ranked(proved.nbytes, proved.full),
        steps=[(nbytes / seen.full, agreed) for nbytes, _, agreed in seen.curve],
    )


def _pace(network: Network, module: nn.Module, prefixes: Prefixes, images: Any) -> Pace:
    """Return processor seconds of a batch on one thread, of each the best of a few."""
    rungs = uniform(network, prefixes)
    prefixes.read(rungs[len(rungs) // 2])
    boxes = boxes_of(prefixes)
    weights = {name: value.double() for name, value in module.state_dict().items()}
    (name,), batch = network.inputs, torch.from_numpy(images)
    ready = prepare(network, boxes)

    def prepared() -> None:
        # The first pass makes ready what the weights alone decide; the second has it.
        fresh = prepare(network, boxes)
        fresh.logits({name: batch[:1]})

    runs: tuple[Callable[[], Any], ...] = (
        lambda: module(batch),
        lambda: evaluate(network, weights, {name: batch}),
        lambda: labels(ready.logits({name: batch})),
        prepared,
    )
    best = [math.inf] * len(runs)
    with torch.no_grad():
        for _ in range(_TURNS):
            for place, run in enumerate(runs):
                begun = time.thread_time()
                run()
                best[place] = min(best[place], time.thread_time() - begun)
    return Pace(*best)
