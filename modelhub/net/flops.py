"""Count the parameters and the floating-point operations (FLOPs) of a network, node by node.

A *FLOP* is one addition, multiplication, comparison or function of one value; so a multiply-add
counts 2. Counted is one run in eval mode. Nodes that only look up, move or arrange values (`AUX`,
embedding, concatenation, padding, dropout) count 0. An op without a rule is *not counted*: its
FLOPs are None, and the totals say which ops those were. Rules for convolutions, products and
attention agree with `torch.utils.flop_counter`, which counts nothing else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modelhub.net.arguments import Argument, Ref, Weight
from modelhub.net.graph import Network, Node, Value
from modelhub.net.kinds import AUX
from modelhub.net.ops import find
from modelhub.net.sizes import SizeError, default_sizes, resolve

__all__ = ["Cost", "Costs", "costs"]

Dims = tuple[int, ...]

# Operations for each value that a node gives. Functions such as exp count 1, as multiplications do.
_PER_VALUE = {
    "ADD": 1,
    "MUL": 1,
    "RELU": 1,
    "RELU6": 2,
    "GELU": 1,
    "SILU": 2,
    "SIGMOID": 1,
    "TANH": 1,
    "LEAKY_RELU": 2,
    "ELU": 2,
    "HARDSWISH": 3,
    "SOFTPLUS": 2,
    "MISH": 3,
    "GLU": 2,
    "SHRINK": 1,
    "FUNC": 1,
    # Largest value, difference, exp, sum, quotient.
    "SOFTMAX": 5,
    # With the statistics of training, a norm is one multiply-add.
    "BN": 2,
    # Mean (1), variance (3), difference and quotient (2), weight and bias (2).
    "LN": 8,
    "GN": 8,
    "IN": 8,
    # Squares and their mean (2), quotient and weight (2).
    "RMSNORM": 4,
}
_FREE = frozenset({AUX, "EMBED", "CAT", "PAD", "FLATTEN", "DROPOUT"})
# Of a kind with a rule, ops that it does not fit: how much they compute depends on more.
_WITHOUT_RULE = frozenset({"cosine_similarity", "topk", "sort", "embedding_bag", "bilinear"})
# For each value of the hidden state and step, beside the products: gates, state and output.
_GATE_FLOPS = {"LSTM": 13, "GRU": 12, "RNN": 2}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one node costs: the values of its parameters, and FLOPs, None if not counted.

    Tensors that several nodes read count at each of them; in the total they count once. Buffers and
    constants are no parameters.
    """

    parameters: int
    flops: int | None


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of a network: by node, and in all.

    Attributes:
        parameters: Values of all parameters; tied ones once.
        flops: The sum over the nodes that were counted; None without edges.
        not_counted: Ops without a rule, or with sizes that have no number, each with how many
            nodes there are.
        sizes: The number that stood for each free size.
    """

    nodes: Mapping[str, Cost]
    parameters: int
    flops: int | None
    not_counted: Mapping[str, int]
    sizes: Mapping[str, int]


def costs(network: Network, sizes: Mapping[str, int] | None = None) -> Costs:
    """Return the costs of a network.

    Args:
        sizes: Numbers for free sizes, in place of the default ones.
    """
    numbers = {**default_sizes(network), **(sizes or {})}
    counts = {
        tensor.name: math.prod(tensor.shape) if tensor.role in ("parameter", "frozen") else 0
        for tensor in network.tensors
    }
    shapes = _Shapes(network, numbers)
    nodes: dict[str, Cost] = {}
    not_counted: Counter[str] = Counter()
    total = 0
    for node in network.nodes:
        flops = _flops(node, shapes) if network.executable else None
        if flops is None:
            not_counted[node.op or node.kind] += 1
        total += flops or 0
        nodes[node.name] = Cost(sum(counts[name] for name in node.parameters), flops)
    own = sum(counts[tensor.name] for tensor in network.tensors if not tensor.tied)
    if not network.executable:
        return Costs(nodes, own, None, {}, {})
    return Costs(nodes, own, total, dict(sorted(not_counted.items())), numbers)


class _Shapes:
    """Tells shapes in numbers of what nodes give and read."""

    def __init__(self, network: Network, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes
        self._values: dict[str, tuple[Value, ...]] = {
            name: (value,) for name, value in network.inputs.items()
        }
        self._values |= {node.name: node.values for node in network.nodes}
        self._tensors = {tensor.name: tensor.shape for tensor in network.tensors}

    def of(self, argument: Argument) -> Dims:
        """Return the shape of an argument; a number has none."""
        match argument:
            case Ref(name, index):
                values = self._values[name]
                place = index or 0
                if place >= len(values):
                    raise SizeError(f"no shape of {name}")
                return resolve(values[place].shape, self._sizes)
            case Weight(name):
                return self._tensors[name]
            case _:
                return ()

    def given(self, node: Node, index: int = 0) -> Dims:
        """Return the shape of what a node gives."""
        return self.of(Ref(node.name, index))


def _flops(node: Node, shapes: _Shapes) -> int | None:
    kind = node.kind
    base = find(node.op).base
    if base in _WITHOUT_RULE:
        return None
    try:
        if kind in _FREE:
            return 0
        rule = _RULES.get(kind)
        if rule is not None:
            return rule(node, shapes)
        if kind == "UPSAMPLE":
            return 0 if "nearest" in base or base == "pixel_shuffle" else None
        each = _PER_VALUE.get(kind)
        return None if each is None else each * math.prod(shapes.given(node))
    except SizeError:
        return None


def _convolution(node: Node, shapes: _Shapes) -> int:
    # Each value is a sum over the window in the channels of one group, which the weight's shape is.
    weight = shapes.of(node.arguments["weight"])
    given = math.prod(shapes.given(node))
    return 2 * given * math.prod(weight[1:]) + _bias(node, given)


def _transposed(node: Node, shapes: _Shapes) -> int:
    # Each value that comes in is spread over the window in the channels of one group.
    weight = shapes.of(node.arguments["weight"])
    taken = math.prod(shapes.of(node.arguments["input"]))
    return 2 * taken * math.prod(weight[1:]) + _bias(node, math.prod(shapes.given(node)))


def _bias(node: Node, values: int) -> int:
    return values if node.arguments.get("bias") is not None else 0


def _linear(node: Node, shapes: _Shapes) -> int:
    given = math.prod(shapes.given(node))
    if find(node.op).base == "addmm":
        return 2 * given * shapes.of(node.arguments["mat1"])[-1] + given
    return 2 * given * shapes.of(node.arguments["input"])[-1] + _bias(node, given)


def _product(node: Node, shapes: _Shapes) -> int | None:
    base = find(node.op).base
    if base == "einsum":
        return _einsum(node, shapes)
    given = math.prod(shapes.given(node))
    if base == "baddbmm":
        return 2 * given * shapes.of(node.arguments["batch1"])[-1] + given
    return 2 * given * (shapes.of(node.arguments["self"]) or (1,))[-1]


def _einsum(node: Node, shapes: _Shapes) -> int | None:
    """Count a sum of products of two tensors: one multiply-add for each choice of letters."""
    equation, tensors = node.arguments["equation"], node.arguments["tensors"]
    if not isinstance(equation, str) or not isinstance(tensors, tuple) or len(tensors) != 2:
        return None
    words = equation.replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for word, tensor in zip(words, tensors, strict=False):
        shape = shapes.of(tensor)
        if "." in word or len(word) != len(shape):
            return None
        sizes |= zip(word, shape, strict=True)
    return 2 * math.prod(sizes.values())


def _attention(node: Node, shapes: _Shapes) -> int:
    # Two products: queries with keys, and the shares with the values; the softmax between them.
    query, value = shapes.of(node.arguments["query"]), shapes.of(node.arguments["value"])
    scores = math.prod(query[:-1]) * value[-2]
    mask = scores if node.arguments.get("attn_mask") is not None else 0
    return 2 * scores * (query[-1] + value[-1]) + _PER_VALUE["SOFTMAX"] * scores + scores + mask


def _recurrent(node: Node, shapes: _Shapes) -> int:
    """Count the products with the matrices at each step, and what the gates do."""
    taken = shapes.of(node.arguments["input"])
    steps = math.prod(taken[:-1])
    params = node.arguments["params"]
    total = 0
    for argument in params if isinstance(params, tuple) else ():
        shape = shapes.of(argument)
        if len(shape) == 2:
            total += 2 * steps * math.prod(shape)
        else:
            total += steps * math.prod(shape)
    layers, both = node.arguments["num_layers"], node.arguments["bidirectional"]
    hidden = shapes.of(node.arguments["hx"])[-1] if node.kind != "LSTM" else _hidden(node, shapes)
    runs = int(layers) * (2 if both else 1) if isinstance(layers, int) else 1
    return total + _GATE_FLOPS[node.kind] * steps * runs * hidden


def _hidden(node: Node, shapes: _Shapes) -> int:
    state = node.arguments["hx"]
    # The second state is of the cells; with a projection the first one is smaller.
    return shapes.of(state[1])[-1] if isinstance(state, tuple) and len(state) > 1 else 0


def _pool(node: Node, shapes: _Shapes) -> int:
    given, taken = shapes.given(node), shapes.of(node.arguments["self"])
    if "adaptive" in node.op:
        # Windows of different sizes, which cover every value about once.
        return max(math.prod(taken), math.prod(given))
    kernel = node.arguments["kernel_size"]
    space = int(node.op.split(".")[1].split("pool")[1][0])
    window = kernel if isinstance(kernel, tuple) else (kernel,)
    numbers = [size for size in window if isinstance(size, int)]
    if len(numbers) == 1:
        numbers *= space
    return math.prod(given) * math.prod(numbers)


def _reduction(node: Node, shapes: _Shapes) -> int:
    each = 3 if "var" in node.op or "std" in node.op else 2 if "norm" in node.op else 1
    return each * math.prod(shapes.of(node.arguments["self"]))


_RULES: Mapping[str, Callable[[Node, _Shapes], int | None]] = {
    "CONV": _convolution,
    "CONV_TRANSPOSE": _transposed,
    "FULL": _linear,
    "MATMUL": _product,
    "ATTN": _attention,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "POOL": _pool,
    "REDUCE": _reduction,
}
