"""Export a network with its weights as ONNX, by torch's own exporter.

torch and onnx are imported on the first call, so that this module can be imported without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelhub.net.graph import Network
from modelhub.net.module import build
from modelhub.optional import require

__all__ = ["OnnxFile", "to_onnx"]


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """An ONNX model.

    Attributes:
        data: The file's bytes.
        folded: The weights of the network that are no initializers of their own any more: the
            exporter computed others from them (batch norm goes into the convolution before it).
        checked: Whether onnxruntime ran it and gave the values of the network.
    """

    data: bytes
    folded: tuple[str, ...]
    checked: bool


def to_onnx(network: Network, weights: Mapping[str, Any]) -> OnnxFile:
    """Return the ONNX model of a network in eval mode; sizes that are free there stay free.

    Args:
        network: An executable network.
        weights: Tensors or arrays by name, as `modelhub.net.build` takes them.

    Raises:
        BadInputError: the network is not executable, a weight is missing, it has an op that the
            exporter does not know, it takes more than the 2 GiB of a file, or the exported model
            gives other values.
        ModelHubError: kind `missing_extra`, torch, onnx or onnxscript is not installed.
    """
    for package in ("torch", "onnx", "onnxscript"):
        require(package, "onnx")
    exporter = require("modelhub.net.onnx_export", "onnx")
    made: OnnxFile = OnnxFile(*exporter.export(network, build(network, weights)))
    return made
