"""Make a torch module of a network and its weights.

torch itself is imported on the first call, so that this module can be imported without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelhub.net.clean_names import by_clean_name
from modelhub.net.graph import Network
from modelhub.optional import require

__all__ = ["build"]


def build(network: Network, weights: Mapping[str, Any] | None = None) -> Any:
    """Return a `torch.nn.Module` that runs the network, in eval mode.

    It trains, switches between train and eval, and has the names and ties of the module that the
    network was imported from in its state dict. No code of that module is needed, and none runs.

    Args:
        network: An executable network.
        weights: Tensors or arrays by name, copied; of tied ones any name will do. What the network
            does not name is passed over. A name that no network may hold, such as those in ONNX
            files, is made clean first (`modelhub.net.clean_names`). Without weights all tensors are
            on torch's meta device, which has shapes and no values.

    Raises:
        BadInputError: the network is not executable, or a weight is missing or of another form.
        ModelHubError: kind `missing_extra`, torch is not installed.
    """
    if weights is not None:
        weights = by_clean_name(weights, (t.name for t in network.tensors if t.role != "constant"))
    return require("modelhub.net.interpreter", "torch").build(network, weights)
