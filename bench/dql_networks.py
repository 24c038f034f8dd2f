"""Measure networks: the import of MiniLM, and how fast a network runs beside the module it is of.

The import is measured in processes of their own, the loading of torch and transformers apart. A run
is a forward pass in eval mode on one thread; module and network have the same weights and take
turns, and the least of many times counts. All times are those of the processor, so that other work
on the machine does not count.

    python -m bench.dql_networks
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from bench import data
from bench.codec_resnet import ResNet
from modelhub.containers import parse
from modelhub.fs.files import InputFile
from modelhub.net import build, from_hf, from_module

__all__ = ["BARS", "ImportTimes", "RunTimes", "main", "minilm_import", "runs"]

# The most that an import may take in seconds, once torch and transformers are loaded, and a run as
# a multiple of the module's.
BARS = {"import": 5.0, "run": 1.3}


@dataclass(frozen=True, slots=True)
class ImportTimes:
    """Processor seconds of loading torch, transformers and its class, and of making the network."""

    packages: float
    network: float
    nodes: int

    @property
    def total(self) -> float:
        """What a commit takes longer in a process that has loaded neither."""
        return self.packages + self.network


@dataclass(frozen=True, slots=True)
class RunTimes:
    """Processor milliseconds of a forward pass of the module and of its network."""

    name: str
    module: float
    network: float

    @property
    def ratio(self) -> float:
        """How many times as long the network takes."""
        return self.network / self.module


def minilm_import(repeat: int = 3) -> ImportTimes:
    """Return the median of several fresh processes that import MiniLM's network.

    Raises:
        MissingDataError: MiniLM is not installed.
    """
    data.minilm_folder()
    program = "from bench import dql_networks_import; dql_networks_import.main()"
    found = []
    for _ in range(repeat):
        done = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        )
        found.append(ImportTimes(**json.loads(done.stdout)))
    return sorted(found, key=lambda times: times.total)[len(found) // 2]


def runs(repeat: int = 60) -> list[RunTimes]:
    """Return the times of a ResNet on 8 images and MiniLM on a text of 128 tokens.

    Raises:
        MissingDataError: MiniLM is not installed.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.manual_seed(0)
        return [_resnet(repeat), _minilm(repeat)]
    finally:
        torch.set_num_threads(threads)


def _resnet(repeat: int) -> RunTimes:
    module, images = ResNet().eval(), torch.randn(8, 1, 32, 32)
    network = build(from_module(module, (images,)), module.state_dict())
    return _turns("ResNet", repeat, lambda: module(images), lambda: network(images))


def _minilm(repeat: int) -> RunTimes:
    transformers: Any = importlib.import_module("transformers")
    folder = data.minilm_folder()
    with InputFile(folder / "model.safetensors") as file:
        tensors = {t.name: (t.dtype, tuple(t.shape)) for t in parse(file, "safetensors").tensors}
    config = json.loads((folder / "config.json").read_text())
    module = transformers.BertModel.from_pretrained(folder, local_files_only=True).eval()
    # In memory of its own, as the network's: read from the file, weights lie at odd addresses.
    module.load_state_dict({n: v.clone() for n, v in module.state_dict().items()}, assign=True)
    network = build(from_hf.from_config(config, tensors), module.state_dict())
    tokens = torch.randint(0, config["vocab_size"], (1, 128))
    mask = torch.ones_like(tokens)
    return _turns(
        "MiniLM",
        repeat,
        lambda: module(tokens, attention_mask=mask),
        lambda: network(tokens, mask),
    )


def _turns(
    name: str, repeat: int, module: Callable[[], Any], network: Callable[[], Any]
) -> RunTimes:
    best = [float("inf"), float("inf")]
    with torch.no_grad():
        for turn in range(repeat + 3):
            for place, run in enumerate((module, network)):
                begun = time.thread_time()
                run()
                if turn >= 3:
                    best[place] = min(best[place], time.thread_time() - begun)
    return RunTimes(name, best[0] * 1e3, best[1] * 1e3)


def main() -> None:
    """Print the measurements beside their bars."""
    times = minilm_import()
    print(
        f"import of MiniLM: {times.nodes} nodes in {times.network:.2f} s (at most "
        f"{BARS['import']:.1f}), after {times.packages:.2f} s of loading torch and transformers"
    )
    for run in runs():
        print(
            f"{run.name}: module {run.module:.2f} ms, network {run.network:.2f} ms, "
            f"{run.ratio:.2f} times (at most {BARS['run']})"
        )


if __name__ == "__main__":
    main()
