"""Tell the attributes of layers that queries name: `kernel`, `out`, `rate`, ...

They come from the arguments of a node and the shapes of its tensors. Attributes that neither tells
are left out. A *dimension* of a kernel, stride or padding is one number of its tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelhub.net.arguments import Argument, Ref, TrainOnly, Weight, walk
from modelhub.net.graph import Network, Node, Tensor

__all__ = ["attributes_of", "attributes_of_node"]

_Shapes = Mapping[str, tuple[int, ...]]


def attributes_of(network: Network) -> dict[str, dict[str, Any]]:
    """Return the attributes of all nodes by name, as `attributes_of_node` gives them."""
    tensors = {tensor.name: tensor for tensor in network.tensors}
    return {node.name: attributes_of_node(node, tensors) for node in network.nodes}


def attributes_of_node(node: Node, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the attributes of one node of a network, by the words of queries.

    Sizes of kernels, strides and paddings are tuples, one number for each dimension.

    Args:
        tensors: The network's tensors by name; those that the node reads are enough.
    """
    if not node.op:
        shapes = {name.rpartition(".")[2]: tensors[name].shape for name in node.parameters}
        tell = _OF_WEIGHTS.get(node.kind)
        try:
            return tell(shapes) if tell else {}
        except (KeyError, IndexError, ValueError):
            # The kind that a stranger's network states need not fit its tensors.
            return {}
    row = _OF_OPS.get(node.kind)
    found = row(node, tensors) if row else {}
    # What is computed as the network runs is no attribute.
    return {word: value for word, value in found.items() if _is_literal(value)}


def _is_literal(value: Any) -> bool:
    return value is not None and not any(isinstance(item, Ref | Weight) for item in walk(value))


def _shape(tensors: Mapping[str, Tensor], argument: Argument) -> tuple[int, ...] | None:
    return tensors[argument.name].shape if isinstance(argument, Weight) else None


def _spread(argument: Argument, count: int, plain: int) -> Any:
    """Return one number for each dimension; texts such as `same` stay."""
    if argument in (None, ()):
        return (plain,) * count
    if isinstance(argument, int):
        return (argument,) * count
    if isinstance(argument, tuple) and len(argument) == 1:
        return argument * count
    return argument


def _conv(node: Node, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    get = node.arguments.get
    transposed = node.kind == "CONV_TRANSPOSE"
    groups = get("groups", 1)
    count = len(node.values[0].shape) - 2 if node.values else 0
    found: dict[str, Any] = {}
    shape = _shape(tensors, get("weight"))
    if shape is not None and len(shape) > 2 and isinstance(groups, int):
        count = len(shape) - 2
        ends = (shape[0], shape[1] * groups)
        found = {
            "kernel": shape[2:],
            "in": ends[0] if transposed else ends[1],
            "out": ends[1] if transposed else ends[0],
        }
    return found | {
        "stride": _spread(get("stride"), count, 1),
        "padding": _spread(get("padding"), count, 0),
        "dilation": _spread(get("dilation"), count, 1),
        "groups": groups,
        "bias": get("bias") is not None,
    }


def _full(node: Node, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    get = node.arguments.get
    base = node.op.split(".")[1]
    if base == "addmm":
        shape = _shape(tensors, get("mat2"))
        ends = {"in": shape[0], "out": shape[1]} if shape and len(shape) == 2 else {}
        return {**ends, "bias": True}
    shape = _shape(tensors, get("weight"))
    found: dict[str, Any] = {"bias": get("bias") is not None}
    if shape:
        found |= {"in": shape[-1], "out": shape[0]}
    return found


def _pool(node: Node, _: Mapping[str, Tensor]) -> dict[str, Any]:
    get = node.arguments.get
    base = node.op.split(".")[1]
    count = next((int(digit) for digit in base if digit.isdigit()), 2)
    if base.startswith("adaptive"):
        out = _spread(get("output_size"), count, 1)
        fixed = isinstance(out, tuple)
        return {"mode": node.mode, "global": fixed and all(size == 1 for size in out)}
    kernel = _spread(get("kernel_size"), count, 1)
    stride = get("stride")
    found = {
        "mode": node.mode,
        "global": False,
        "kernel": kernel,
        "stride": kernel if stride in (None, ()) else _spread(stride, count, 1),
        "padding": _spread(get("padding"), count, 0),
    }
    if node.mode == "MAX":
        found["dilation"] = _spread(get("dilation"), count, 1)
    return found


def _norm(node: Node, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    attributes = node.attributes
    found: dict[str, Any] = {}
    shape = attributes.get("normalized_shape")
    for argument in ("weight", "running_mean", "bias"):
        shape = shape or _shape(tensors, node.arguments.get(argument))
    if shape:
        found["out"] = shape[0] if len(shape) == 1 else tuple(shape)  # type: ignore
    for key, word in (("eps", "eps"), ("momentum", "momentum"), ("num_groups", "groups")):
        if attributes.get(key) is not None:
            found[word] = attributes[key]
    return found


def _recurrent(node: Node, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    attributes = node.attributes
    found: dict[str, Any] = {
        "layers": attributes.get("num_layers"),
        "bidirectional": attributes.get("bidirectional"),
        "rate": attributes.get("dropout"),
    }
    params = node.arguments.get("params")
    if isinstance(params, tuple) and len(params) >= 2:
        reads, passes = _shape(tensors, params[0]), _shape(tensors, params[1])
        if reads and passes and len(reads) == len(passes) == 2:
            found |= {"in": reads[1], "out": passes[1]}
    return found


def _attention(node: Node, _: Mapping[str, Tensor]) -> dict[str, Any]:
    get = node.arguments.get
    share = get("dropout_p", 0.0)
    found: dict[str, Any] = {
        "causal": get("is_causal", False),
        "rate": share.value if isinstance(share, TrainOnly) else share,
    }
    shape = node.values[0].shape if node.values else ()
    if len(shape) == 4 and isinstance(shape[1], int):
        found["heads"] = shape[1]
        if isinstance(shape[3], int):
            found["out"] = shape[1] * shape[3]
    return found


def _embed(node: Node, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    shape = _shape(tensors, node.arguments.get("weight"))
    return {"in": shape[0], "out": shape[1]} if shape and len(shape) == 2 else {}


def _renamed(**words: str) -> Callable[[Node, Mapping[str, Tensor]], dict[str, Any]]:
    def tell(node: Node, _: Mapping[str, Tensor]) -> dict[str, Any]:
        attributes = node.attributes
        return {
            word: attributes[argument] for word, argument in words.items() if argument in attributes
        }

    return tell


_OF_OPS: dict[str, Callable[[Node, Mapping[str, Tensor]], dict[str, Any]]] = {
    "CONV": _conv,
    "CONV_TRANSPOSE": _conv,
    "FULL": _full,
    "POOL": _pool,
    **dict.fromkeys(("BN", "IN", "LN", "GN", "RMSNORM"), _norm),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "ATTN": _attention,
    "EMBED": _embed,
    "SOFTMAX": _renamed(axis="dim"),
    "CAT": _renamed(axis="dim"),
    "REDUCE": _renamed(axis="dim"),
    "GLU": _renamed(axis="dim"),
    "DROPOUT": _renamed(rate="p"),
    "LEAKY_RELU": _renamed(slope="negative_slope"),
    "ELU": _renamed(alpha="alpha"),
    "FLATTEN": _renamed(start="start_dim", end="end_dim"),
}


# What shapes alone tell: nothing of strides, nor how many groups a convolution has, and so not how
# many channels it reads.
def _conv_weights(shapes: _Shapes) -> dict[str, Any]:
    weight = shapes["weight"]
    return {"kernel": weight[2:], "out": weight[0], "bias": "bias" in shapes}


def _full_weights(shapes: _Shapes) -> dict[str, Any]:
    out, inside = shapes["weight"]
    return {"in": inside, "out": out, "bias": "bias" in shapes}


def _norm_weights(shapes: _Shapes) -> dict[str, Any]:
    for leaf in ("weight", "running_mean"):
        if len(shapes.get(leaf, ())) == 1:
            return {"out": shapes[leaf][0]}
    return {}


def _recurrent_weights(shapes: _Shapes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "out": shapes["weight_hh_l0"][1],
        "layers": sum(
            leaf.startswith("weight_hh_l") and not leaf.endswith("_reverse") for leaf in shapes
        ),
        "bidirectional": any(leaf.endswith("_reverse") for leaf in shapes),
    }
    reads = shapes.get("weight_ih_l0", ())
    return found | ({"in": reads[1]} if len(reads) == 2 else {})


_OF_WEIGHTS: dict[str, Callable[[_Shapes], dict[str, Any]]] = {
    "CONV": _conv_weights,
    "FULL": _full_weights,
    "EMBED": lambda shapes: {"in": shapes["weight"][0], "out": shapes["weight"][1]},
    **dict.fromkeys(("BN", "LN", "RMSNORM"), _norm_weights),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent_weights),
    "ATTN": lambda shapes: {"out": shapes["in_proj_weight"][1]},
}
