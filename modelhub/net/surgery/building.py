"""Make the nodes and tensors of a layer from its kind, its attributes and what it reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelhub.net.arguments import Argument, Constant, Device, Ref, Training, Weight
from modelhub.net.graph import Node, Tensor, Value
from modelhub.net.ops import ordered
from modelhub.net.surgery import given
from modelhub.net.surgery.edited import Fresh, Layer, SurgeryError

__all__ = ["BUILDABLE", "Built", "build", "uniform"]


@dataclass(slots=True)
class Built:
    """What a layer is made of.

    Attributes:
        name: The name of the layer, and of its module.
        reads: The value that it reads.
        value: The form of that value.
        dtype: The dtype of its weights.
        nodes: The nodes, without values, in order.
        tensors: The tensors, and how each is made.
        result: What the next layer reads.
    """

    name: str
    kind: str
    attributes: Mapping[str, Any]
    reads: Ref
    value: Value
    dtype: str
    nodes: list[Node] = field(default_factory=list)
    tensors: list[tuple[Tensor, Fresh]] = field(default_factory=list)
    result: Ref = field(default_factory=lambda: Ref(""))

    def place(self, attribute: str) -> str:
        """Return where an attribute stands, for messages."""
        return f"{attribute} of {self.kind} {self.name}"

    def get(self, attribute: str, default: Any = None) -> Any:
        """Return an attribute as it was given; without a default it must be there."""
        found = self.attributes.get(attribute, default)
        if found is None:
            raise SurgeryError(f"{self.kind} {self.name} needs {attribute}=")
        return found

    def node(
        self, op: str, arguments: Mapping[str, Argument], *, name: str = "", counter: str = ""
    ) -> None:
        """Add a node."""
        made = Node(
            name or self.name,
            op=op,
            module=self.name,
            arguments=ordered(op, arguments),
            counter=counter,
        )
        self.nodes.append(made)
        self.result = Ref(made.name)

    def tensor(
        self,
        leaf: str,
        shape: tuple[int, ...],
        rule: str,
        bound: float = 0.0,
        *,
        role: str = "parameter",
        dtype: str = "",
        row: int = -1,
    ) -> Weight:
        """Add a tensor of the layer."""
        name = f"{self.name}.{leaf}"
        made = Tensor(name, dtype or self.dtype, shape, role)
        self.tensors.append((made, Fresh(rule, bound, name, row)))
        return Weight(name)

    def rank(self, *allowed: int) -> int:
        """Return the number of dimensions of what it reads."""
        found = len(self.value.shape)
        if found not in allowed:
            raise SurgeryError(
                f"{self.kind} {self.name} reads a value of {found} dimensions "
                f"({', '.join(map(str, self.value.shape))}); expected "
                f"{' or '.join(map(str, allowed))}"
            )
        return found

    def size(self, dimension: int) -> int:
        """Return a size of what it reads, which must be fixed."""
        found = self.value.shape[dimension]
        if isinstance(found, str):
            raise SurgeryError(
                f"{self.kind} {self.name} needs a fixed size where what it reads has {found} "
                f"({', '.join(map(str, self.value.shape))})"
            )
        return found


def uniform(fan_in: int) -> float:
    """Return the bound that torch's own layers draw weights within."""
    return 1 / math.sqrt(fan_in) if fan_in else 0.0


def build(layer: Layer, name: str, reads: Ref, value: Value, dtype: str) -> Built:
    """Return what a layer is made of.

    Args:
        layer: The layer; its name is not looked at.
        name: The name of the node.
        reads: What it reads.
        value: The form of what it reads.
        dtype: The dtype of weights if what it reads is not of floats.

    Raises:
        SurgeryError: the kind is not one that can be built, an attribute is unknown, missing or
            not what it should be, or the layer cannot read such a value.
    """
    row = BUILDABLE.get(layer.kind)
    if row is None:
        raise SurgeryError(
            f"{layer.kind[:40]} cannot be built; these can: {', '.join(sorted(BUILDABLE))}"
        )
    make, attributes = row
    unknown = [key for key in layer.attributes if key not in attributes]
    if unknown:
        known = ", ".join(attributes) if attributes else "none"
        raise SurgeryError(f"{layer.kind} has no attribute {unknown[0][:40]!r} to give: {known}")
    floats = value.dtype.startswith(("float", "bfloat"))
    if floats == (layer.kind == "EMBED"):
        expected = "whole numbers" if layer.kind == "EMBED" else "floats"
        raise SurgeryError(f"{layer.kind} {name} reads {value.dtype}; it needs {expected}")
    built = Built(
        name, layer.kind, layer.attributes, reads, value, value.dtype if floats else dtype
    )
    make(built)
    return built


def _conv(b: Built) -> None:
    dims = b.rank(3, 4, 5) - 2
    kernel = given.sizes(b.place("kernel"), b.get("kernel"), dims)
    out = given.whole(b.place("out"), b.get("out"))
    groups = given.whole(b.place("groups"), b.get("groups", 1))
    inside = b.size(1)
    if inside % groups or out % groups:
        raise SurgeryError(f"{b.place('groups')} is {groups}, which must divide {inside} and {out}")
    shape = (out, inside // groups, *kernel)
    bound = uniform(math.prod(shape[1:]))
    arguments: dict[str, Argument] = {"weight": b.tensor("weight", shape, "uniform", bound)}
    if given.truth(b.place("bias"), b.get("bias", True)):
        arguments["bias"] = b.tensor("bias", (out,), "uniform", bound)
    for key, least in (("stride", 1), ("dilation", 1)):
        if key in b.attributes:
            arguments[key] = given.sizes(b.place(key), b.get(key), dims, least)
    padding = b.get("padding", 0)
    overload = "default"
    if padding in ("same", "valid"):
        overload, arguments["padding"] = "padding", padding
    elif padding:
        arguments["padding"] = given.sizes(b.place("padding"), padding, dims, 0)
    if groups > 1:
        arguments["groups"] = groups
    b.node(f"aten.conv{dims}d.{overload}", {"input": b.reads, **arguments})


def _full(b: Built) -> None:
    if len(b.value.shape) not in (1, 2, 3):
        raise SurgeryError(
            f"FULL {b.name} reads a value of {len(b.value.shape)} dimensions "
            f"({', '.join(map(str, b.value.shape))}); put a FLATTEN before it"
        )
    inside, out = b.size(-1), given.whole(b.place("out"), b.get("out"))
    bound = uniform(inside)
    arguments: dict[str, Argument] = {"weight": b.tensor("weight", (out, inside), "uniform", bound)}
    if given.truth(b.place("bias"), b.get("bias", True)):
        arguments["bias"] = b.tensor("bias", (out,), "uniform", bound)
    b.node("aten.linear.default", {"input": b.reads, **arguments})


def _pool(b: Built) -> None:
    dims = b.rank(3, 4, 5) - 2
    mode = b.get("mode")
    if mode not in ("MAX", "AVG"):
        raise SurgeryError(f'{b.place("mode")} is {mode!r}; expected "MAX" or "AVG"')
    if given.truth(b.place("global"), b.get("global", False)):
        both = [key for key in ("kernel", "stride", "padding", "dilation") if key in b.attributes]
        if both:
            raise SurgeryError(f"a global POOL has no {both[0]}")
        b.node(
            f"aten.adaptive_{mode.lower()}_pool{dims}d.default",
            {"self": b.reads, "output_size": (1,) * dims},
        )
        if mode == "MAX":
            b.result = Ref(b.name, 0)
        return
    arguments: dict[str, Argument] = {
        "kernel_size": given.sizes(b.place("kernel"), b.get("kernel"), dims)
    }
    for key, least, plain in (("stride", 1, ()), ("padding", 0, (0,) * dims)):
        if key in b.attributes:
            found = given.sizes(b.place(key), b.get(key), dims, least)
            if found != plain:
                arguments[key] = found
    if "dilation" in b.attributes:
        dilation = given.sizes(b.place("dilation"), b.get("dilation"), dims)
        if mode == "AVG" and set(dilation) != {1}:
            raise SurgeryError("an average POOL has no dilation")
        if mode == "MAX" and set(dilation) != {1}:
            arguments["dilation"] = dilation
    b.node(f"aten.{mode.lower()}_pool{dims}d.default", {"self": b.reads, **arguments})


def _batch_norm(b: Built) -> None:
    b.rank(2, 3, 4, 5)
    channels = (b.size(1),)
    b.node(
        "aten.batch_norm.default",
        {
            "input": b.reads,
            "weight": b.tensor("weight", channels, "ones"),
            "bias": b.tensor("bias", channels, "zeros"),
            "running_mean": b.tensor("running_mean", channels, "zeros", role="buffer"),
            "running_var": b.tensor("running_var", channels, "ones", role="buffer"),
            "training": Training(),
            "momentum": given.fraction(b.place("momentum"), b.get("momentum", 0.1)),
            "eps": given.number(b.place("eps"), b.get("eps", 1e-5)),
            "cudnn_enabled": True,
        },
        counter=b.tensor("num_batches_tracked", (), "zeros", role="buffer", dtype="int64").name,
    )


def _layer_norm(b: Built) -> None:
    shape = (b.size(-1),)
    arguments: dict[str, Argument] = {
        "weight": b.tensor("weight", shape, "ones"),
        "bias": b.tensor("bias", shape, "zeros"),
    }
    if "eps" in b.attributes:
        arguments["eps"] = given.number(b.place("eps"), b.get("eps"))
    b.node("aten.layer_norm.default", {"input": b.reads, "normalized_shape": shape, **arguments})


def _group_norm(b: Built) -> None:
    b.rank(2, 3, 4, 5)
    channels, groups = b.size(1), given.whole(b.place("groups"), b.get("groups"))
    if channels % groups:
        raise SurgeryError(f"{b.place('groups')} is {groups}, which must divide {channels}")
    arguments: dict[str, Argument] = {
        "weight": b.tensor("weight", (channels,), "ones"),
        "bias": b.tensor("bias", (channels,), "zeros"),
    }
    if "eps" in b.attributes:
        arguments["eps"] = given.number(b.place("eps"), b.get("eps"))
    b.node("aten.group_norm.default", {"input": b.reads, "num_groups": groups, **arguments})


def _rms_norm(b: Built) -> None:
    shape = (b.size(-1),)
    weight = b.tensor("weight", shape, "ones")
    arguments: dict[str, Argument] = {}
    if "eps" in b.attributes:
        arguments["eps"] = given.number(b.place("eps"), b.get("eps"))
    b.node(
        "aten.rms_norm.default",
        {"input": b.reads, "normalized_shape": shape, "weight": weight, **arguments},
    )


def _recurrent(b: Built) -> None:
    b.rank(3)
    inside, hidden = b.size(2), given.whole(b.place("out"), b.get("out"))
    layers = given.whole(b.place("layers"), b.get("layers", 1))
    both = given.truth(b.place("bidirectional"), b.get("bidirectional", False))
    rate = given.fraction(b.place("rate"), b.get("rate", 0.0))
    gates, bound = (4 if b.kind == "LSTM" else 3) * hidden, uniform(hidden)
    params: list[Argument] = []
    for level in range(layers):
        reads = inside if level == 0 else hidden * (1 + both)
        for end in ("", "_reverse") if both else ("",):
            for leaf, shape in (
                ("weight_ih", (gates, reads)),
                ("weight_hh", (gates, hidden)),
                ("bias_ih", (gates,)),
                ("bias_hh", (gates,)),
            ):
                params.append(b.tensor(f"{leaf}_l{level}{end}", shape, "uniform", bound))
    b.node("sym.size", {"self": b.reads, "dim": 0}, name=f"{b.name}.size")
    zeros = []
    for name in ("zeros", "zeros_1")[: 2 if b.kind == "LSTM" else 1]:
        b.node(
            "aten.zeros.default",
            {
                "size": (layers * (1 + both), Ref(f"{b.name}.size"), hidden),
                "dtype": Constant("dtype", b.dtype),
                "device": Device(),
            },
            name=f"{b.name}.{name}",
        )
        zeros.append(b.result)
    b.node(
        f"aten.{b.kind.lower()}.input",
        {
            "input": b.reads,
            "hx": tuple(zeros) if b.kind == "LSTM" else zeros[0],
            "params": tuple(params),
            "has_biases": True,
            "num_layers": layers,
            "dropout": rate,
            "train": Training(),
            "bidirectional": both,
            "batch_first": True,
        },
    )
    b.result = Ref(b.name, 0)


def _embed(b: Built) -> None:
    rows, out = given.whole(b.place("in"), b.get("in")), given.whole(b.place("out"), b.get("out"))
    b.node(
        "aten.embedding.default",
        {"weight": b.tensor("weight", (rows, out), "normal"), "indices": b.reads},
    )


def _softmax(b: Built) -> None:
    axis, rank = b.get("axis", -1), len(b.value.shape)
    if not isinstance(axis, int) or isinstance(axis, bool) or not -rank <= axis < rank:
        raise SurgeryError(f"{b.place('axis')} is {axis!r}; the value has {rank} dimensions")
    b.node("aten.softmax.int", {"self": b.reads, "dim": axis})


def _dropout(b: Built) -> None:
    rate = given.fraction(b.place("rate"), b.get("rate", 0.5))
    b.node("aten.dropout.default", {"input": b.reads, "p": rate, "train": Training()})


def _flatten(b: Built) -> None:
    if len(b.value.shape) < 2:
        raise SurgeryError(f"FLATTEN {b.name} reads a value of {len(b.value.shape)} dimensions")
    b.node("aten.flatten.using_ints", {"self": b.reads, "start_dim": 1})


def _upsample(b: Built) -> None:
    dims = b.rank(3, 4, 5) - 2
    scale = float(given.whole(b.place("scale"), b.get("scale", 2)))
    b.node(
        f"aten.upsample_nearest{dims}d.vec",
        {"input": b.reads, "output_size": None, "scale_factors": (scale,) * dims},
    )


def _plain(op: str, **words: str) -> tuple[Callable[[Built], None], tuple[str, ...]]:
    def make(b: Built) -> None:
        numbers = {
            argument: given.number(b.place(word), b.get(word))
            for word, argument in words.items()
            if word in b.attributes
        }
        b.node(f"aten.{op}.default", {"self": b.reads, **numbers})

    return make, tuple(words)


_RECURRENT = ("out", "layers", "bidirectional", "rate")
# Kind -> what makes it, and the attributes that can be given.
BUILDABLE: dict[str, tuple[Callable[[Built], None], tuple[str, ...]]] = {
    "CONV": (_conv, ("kernel", "out", "stride", "padding", "dilation", "groups", "bias")),
    "FULL": (_full, ("out", "bias")),
    "POOL": (_pool, ("mode", "kernel", "stride", "padding", "dilation", "global")),
    "BN": (_batch_norm, ("eps", "momentum")),
    "LN": (_layer_norm, ("eps",)),
    "GN": (_group_norm, ("groups", "eps")),
    "RMSNORM": (_rms_norm, ("eps",)),
    "LSTM": (_recurrent, _RECURRENT),
    "GRU": (_recurrent, _RECURRENT),
    "EMBED": (_embed, ("in", "out")),
    "SOFTMAX": (_softmax, ("axis",)),
    "DROPOUT": (_dropout, ("rate",)),
    "FLATTEN": (_flatten, ()),
    "UPSAMPLE": (_upsample, ("scale",)),
    "LEAKY_RELU": _plain("leaky_relu", slope="negative_slope"),
    "ELU": _plain("elu", alpha="alpha"),
    **{
        kind: _plain(kind.lower())
        for kind in (
            "RELU",
            "RELU6",
            "GELU",
            "SILU",
            "SIGMOID",
            "TANH",
            "HARDSWISH",
            "SOFTPLUS",
            "MISH",
        )
    },
}
