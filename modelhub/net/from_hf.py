"""Import a network from the configuration of a Hugging Face model.

torch and transformers are imported on the first call, so that this module can be imported without
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelhub.errors import BadInputError
from modelhub.net.graph import Network
from modelhub.optional import require

__all__ = ["from_config", "is_config"]

Tensors = Mapping[str, tuple[str, tuple[int, ...]]]


def is_config(config: Mapping[str, Any]) -> bool:
    """Say whether it is a configuration that names a model's type and class."""
    classes = config.get("architectures")
    return isinstance(config.get("model_type"), str) and isinstance(classes, list) and bool(classes)


def from_config(config: Mapping[str, Any], tensors: Tensors, where: str = "config") -> Network:
    """Return the network of a configuration, with the tensor names of the weights beside it.

    The class that the configuration names is taken from the installed transformers alone: code that
    comes with a model is never run, and nothing is fetched. Its parameters take no memory.

    Args:
        config: The content of `config.json`.
        tensors: Dtype and shape of the weights by name.
        where: What to call the configuration in messages.

    Raises:
        BadInputError: transformers has no such class, the model cannot be traced, or its tensors
            are not those of the weights.
        ModelHubError: kind `missing_extra`, torch or transformers is not installed.
    """
    try:
        require("torch", "torch")
        loading = require("modelhub.net.hf_loading", "hf")
    except ImportError as error:
        # It is there, but does not go with another package.
        raise BadInputError(
            f"torch or transformers cannot be loaded ({str(error)[:300]})",
            where=where,
            hint="reinstall them, or commit without a network",
        ) from error
    network: Network = loading.load(config, tensors, where)
    return network
