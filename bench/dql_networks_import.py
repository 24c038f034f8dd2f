"""Import MiniLM's network once and print the seconds that it took: a program of `dql_networks`."""

from __future__ import annotations

import importlib
import json
import time

from bench import data
from modelhub.containers import parse
from modelhub.fs.files import InputFile
from modelhub.net import from_hf

__all__ = ["main"]


def main() -> None:
    """Print the times as JSON: of loading packages, and of the network."""
    folder = data.minilm_folder()
    with InputFile(folder / "model.safetensors") as file:
        tensors = {t.name: (t.dtype, tuple(t.shape)) for t in parse(file, "safetensors").tensors}
    config = json.loads((folder / "config.json").read_text())
    begun = time.process_time()
    importlib.import_module("torch")
    getattr(importlib.import_module("transformers"), config["architectures"][0])
    loaded = time.process_time()
    network = from_hf.from_config(config, tensors)
    done = time.process_time()
    times = {"packages": loaded - begun, "network": done - loaded, "nodes": len(network.nodes)}
    print(json.dumps(times))
