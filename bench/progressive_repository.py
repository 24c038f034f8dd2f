"""Commit trained networks to repositories, one in each layout, with data to evaluate them on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench import progressive_nets as nets
from bench.process import modelhub
from bench.progressive_train import weights
from modelhub.repository import Repository

__all__ = ["LAYOUTS", "Place", "make", "module_of"]

LAYOUTS = ("ordinary", "progressive")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a network lies: a repository for each layout, and files of inputs.

    Attributes:
        rev: Its revision in both.
        calibration: Inputs to calibrate on; `test`: those held out. Both have labels.
    """

    folder: Path
    name: str
    seed: int
    rev: str
    calibration: Path
    test: Path

    def repository(self, layout: str) -> Path:
        """Return the folder of a layout's repository."""
        return self.folder / layout


def module_of(name: str, seed: int, trained: Path | None = None) -> nn.Module:
    """Return a trained network in eval mode; it is trained if that was not done.

    Raises:
        MissingDataError: what it learns from is not installed.
    """
    module = nets.build(name)
    found = weights(name, seed, trained)
    module.load_state_dict({key: torch.from_numpy(value) for key, value in found.items()})
    return module.eval()


def make(
    name: str, seed: int, folder: Path, trained: Path | None = None, held_out: int = 0
) -> Place:
    """Commit a network to a repository and archive a copy in the other layout.

    Args:
        folder: Where; what is there is removed first.
        trained: The folder of trained weights.
        held_out: How many of the inputs held out are used; 0 means all.

    Raises:
        MissingDataError: what it learns from is not installed.
        ProgramFailedError: a verb failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    module = module_of(name, seed, trained)
    images, labels = nets.split(nets.NETS[name].source).test
    if held_out:
        images, labels = images[:held_out], labels[:held_out]
    place = Place(
        *(folder, name, seed, f"{name}@1"), folder / "calibration.npz", folder / "test.npz"
    )
    (folder / LAYOUTS[0]).mkdir(parents=True)
    own, own_labels = nets.calibration(name)
    np.savez(place.calibration, x=own, y=own_labels)
    np.savez(place.test, x=images, y=labels)
    with Repository.init(place.repository("ordinary")) as repo:
        repo.commit(name, module, example_inputs=(torch.from_numpy(images[:2]),))
    shutil.copytree(place.repository("ordinary"), place.repository("progressive"))
    modelhub(place.repository("progressive"), "archive", "--layout", "progressive", place.rev)
    modelhub(place.repository("progressive"), "gc", "--grace", "0s")
    return place
