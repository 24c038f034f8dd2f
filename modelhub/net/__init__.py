"""Describe the network N of a model version.

A *network* is a graph of nodes and values, data alone: `from_module` makes it of a torch module,
`build` makes a torch module of it again, `from_weights` tells what can be told without a module.
A *module tree* is what the names of the tensors tell: `encoder.layer.0.weight` is the parameter
`weight` of module `0` of module `layer` of module `encoder`.
"""

from __future__ import annotations

from modelhub.net.from_torch import from_module
from modelhub.net.graph import Network, Node, Tensor, Value
from modelhub.net.graph_json import from_json, to_json
from modelhub.net.module import build
from modelhub.net.weights_only import from_weights

__all__ = [
    "Network",
    "Node",
    "Tensor",
    "Value",
    "build",
    "from_json",
    "from_module",
    "from_weights",
    "to_json",
]
