"""Guess the layers of a model from the names and shapes of its weights alone.

The result has nodes and kinds but no edges: the order of layers cannot be told from names, so no
chain is made up. Kinds are guesses by rules that were right for nearly all layers of common models.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelhub.net.arguments import DTYPES, check_name
from modelhub.net.graph import Network, Node, Tensor

__all__ = ["from_weights"]

# Ends of module names under which a matrix is a table of vectors.
_TABLES = (
    "emb",
    "embed",
    "embedding",
    "embeddings",
    "embed_tokens",
    "wte",
    "wpe",
    "tok_embeddings",
)
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def from_weights(records: Iterable[tuple[str, str, Iterable[int]]]) -> Network:
    """Return the network of (name, dtype, shape) records, with `executable` False.

    One node for each module that holds tensors of its own, in the order of the records. Tensors
    whose names or dtypes a network cannot hold are left out.
    """
    modules: dict[str, dict[str, tuple[int, ...]]] = {}
    tensors = []
    for name, dtype, sizes in records:
        shape = tuple(sizes)
        try:
            check_name(name)
        except ValueError:
            continue
        if dtype not in DTYPES:
            continue
        module, _, leaf = name.rpartition(".")
        modules.setdefault(module, {})[leaf] = shape
        role = "buffer" if leaf in _BUFFERS else "parameter"
        tensors.append(Tensor(name, dtype, shape, role))
    # A tensor that is also a module, or outside one, belongs to no layer.
    names = {tensor.name for tensor in tensors}
    tensors = _without_nested(tensors)
    kept = {tensor.name for tensor in tensors}
    nodes = []
    for module, shapes in modules.items():
        own = tuple(f"{module}.{leaf}" for leaf in shapes if f"{module}.{leaf}" in kept)
        if module and own and module not in names:
            kind = _kind(module, shapes)
            nodes.append(Node(module, module=module, stated_kind=kind, stated_parameters=own))
    return Network({}, tuple(nodes), tuple(tensors), executable=False)


def _without_nested(tensors: list[Tensor]) -> list[Tensor]:
    """Leave out tensors whose names are below that of another."""
    kept: list[Tensor] = []
    for tensor in sorted(tensors, key=lambda t: t.name.replace(".", "\0")):
        if not kept or not tensor.name.startswith(f"{kept[-1].name}."):
            kept.append(tensor)
    names = {tensor.name for tensor in kept}
    return [tensor for tensor in tensors if tensor.name in names]


def _kind(module: str, shapes: dict[str, tuple[int, ...]]) -> str:
    if "in_proj_weight" in shapes:
        return "ATTN"
    if "weight_hh_l0" in shapes:
        return _recurrent(shapes["weight_hh_l0"])
    if "running_mean" in shapes:
        return "BN"
    weight = shapes.get("weight")
    if weight is None:
        return "OTHER"
    leaf = module.rpartition(".")[2].lower()
    if len(weight) >= 3:
        return "CONV"
    if len(weight) == 2:
        table = leaf in _TABLES or leaf.endswith(("_embedding", "_embeddings", "_emb", "_embed"))
        return "EMBED" if table and "bias" not in shapes else "FULL"
    if len(weight) == 1 and "bias" in shapes:
        return "BN" if leaf.startswith("bn") else "LN"
    return "RMSNORM" if len(weight) == 1 and "norm" in leaf else "OTHER"


def _recurrent(hidden: tuple[int, ...]) -> str:
    # The gates' matrices are one below the other: four in an LSTM, three in a GRU, one in an RNN.
    if len(hidden) != 2 or not hidden[1]:
        return "OTHER"
    return {4: "LSTM", 3: "GRU", 1: "RNN"}.get(hidden[0] // hidden[1], "OTHER")
