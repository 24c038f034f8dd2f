"""Read the structure of weights files: safetensors, npy and npz, torch's, ONNX, and model folders.

A *container* is a file format that holds tensors. Its *structure* (`model.Parsed`) says where the
tensors' bytes are; the bytes themselves are read by whoever stores them. Nothing here runs code
from a file, and nothing here needs torch.
"""

from __future__ import annotations

from modelhub.containers.detection import GRAPH_KINDS, KINDS, WEIGHT_SUFFIXES, detect, parse
from modelhub.containers.model import Parsed, Readable, Storage, TensorEntry

__all__ = [
    "GRAPH_KINDS",
    "KINDS",
    "WEIGHT_SUFFIXES",
    "Parsed",
    "Readable",
    "Storage",
    "TensorEntry",
    "detect",
    "parse",
]
