"""Write a set of golden networks of format version 2.

Golden files are history: what version 2 wrote must read for ever. So this program refuses to
overwrite; `generate.py NEW_FOLDER` writes a fresh set beside. `good/example.json` is the worked
example of docs/formats/network.md; `bad/*` are changes of it, refused with the kind in
`expected.json`.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelhub.net import Network, Node, Tensor, Value, from_weights, to_json
from modelhub.net.arguments import Constant, Device, Ref, Training, TrainOnly, Weight
from modelhub.net.graph import Group

DAMAGE, NEWER = "corruption", "unsupported_version"


def example() -> Network:
    """Return the worked example: a convolution, a ReLU, a maximum pool."""
    conv = {"input": Ref("x"), "weight": Weight("conv1.weight"), "padding": (1, 1)}
    return Network(
        {"x": Value("float32", ("s0", 3, 8, 8))},
        (
            _node("conv1", "conv2d.default", conv, ("s0", 4, 8, 8)),
            _node("relu", "relu.default", {"self": Ref("conv1")}, ("s0", 4, 8, 8)),
            _node(
                "pool",
                "max_pool2d.default",
                {"self": Ref("relu"), "kernel_size": (2, 2), "stride": (2, 2)},
                ("s0", 4, 4, 4),
            ),
        ),
        (Tensor("conv1.weight", "float32", (4, 3, 3, 3)),),
        Ref("pool"),
    )


def every_argument() -> Network:
    """Return a network with every kind of argument, tensor and output."""
    x = Ref("x")
    norm = {
        "input": x,
        "weight": None,
        "bias": None,
        "running_mean": Weight("bn.running_mean"),
        "running_var": Weight("bn.running_var"),
        "training": Training(),
        "momentum": 0.1,
        "eps": 1e-05,
        "cudnn_enabled": True,
    }
    attention = {"query": x, "key": x, "value": x, "dropout_p": TrainOnly(0.1)}
    zeros = {"size": (Ref("size"), 2), "dtype": Constant("dtype", "bool"), "device": Device()}
    shape = ("s0", 2, 4)
    nodes = (
        Node("size", "sym.size", arguments={"self": x, "dim": 0}, values=(Value("int", ()),)),
        _node("zeros", "zeros.default", zeros, ("s0", 2), "bool"),
        Node(
            "split",
            "aten.chunk.default",
            arguments={"self": x, "chunks": 2, "dim": -1},
            values=(Value("float32", ("s0", 2, 2)), Value("float32", ("s0", 2, 2))),
        ),
        Node(
            "bn",
            "aten.batch_norm.default",
            module="bn",
            arguments=norm,
            values=(Value("float32", shape),),
            counter="bn.num_batches_tracked",
        ),
        _node("attn", "scaled_dot_product_attention.default", attention, shape),
        _node("act", "gelu.default", {"self": Ref("attn"), "approximate": "tanh"}, shape),
        _node("low", "clamp.default", {"self": Ref("act"), "min": float("-inf")}, shape),
        _node("shift", "add.Tensor", {"self": Ref("low"), "other": Weight("shift")}, shape),
    )
    tensors = (
        Tensor("bn.running_mean", "float32", (2,), "buffer"),
        Tensor("bn.running_var", "float32", (2,), "buffer"),
        Tensor("bn.num_batches_tracked", "int64", (), "buffer"),
        Tensor("a.weight", "bfloat16", (2, 2), "frozen"),
        Tensor("b.weight", "bfloat16", (2, 2), "frozen", tied="a.weight"),
        Tensor("shift", "float32", (2, 1), "constant", data=struct.pack("<2f", 1.0, -0.5)),
    )
    inner = Group("list", (Ref("split", 1), Weight("a.weight"), None))
    outputs = Group("dict", (Group("tuple", (Ref("bn"), Ref("shift"))), inner), ("both", "rest"))
    return Network({"x": Value("float32", shape)}, nodes, tensors, outputs)


def _node(
    name: str, op: str, arguments: dict[str, Any], shape: Any, dtype: str = "float32"
) -> Node:
    module = name if op.startswith("conv") else ""
    return Node(name, f"aten.{op}", module, arguments, (Value(dtype, tuple(shape)),))


def good() -> dict[str, bytes]:
    """Return the files that must read, by name."""
    bare = from_weights(
        [("conv.weight", "float32", (4, 3, 3, 3)), ("fc.weight", "bfloat16", (2, 4))]
    )
    return {
        "example.json": to_json(example()),
        "every-argument.json": to_json(every_argument()),
        "weights-only.json": to_json(bare),
    }


def _changes() -> dict[str, Callable[[Any], None]]:
    """Return what to do to the worked example's JSON, by the name of the bad file."""

    def conv(key: str, value: Any) -> Callable[[Any], None]:
        return lambda net: net["nodes"][0].__setitem__(key, value)

    def argument(key: str, value: Any) -> Callable[[Any], None]:
        return lambda net: net["nodes"][0]["args"].__setitem__(key, value)

    def tensor(key: str, value: Any) -> Callable[[Any], None]:
        return lambda net: net["tensors"][0].__setitem__(key, value)

    return {
        "newer.json": lambda net: net.__setitem__("format", 3),
        "op-from-file.json": conv("op", "aten.from_file.default"),
        "op-in-place.json": conv("op", "aten.relu_.default"),
        "op-of-python.json": conv("op", "os.system"),
        "cycle.json": argument("input", {"n": "pool"}),
        "reads-itself.json": argument("input", {"n": "conv1"}),
        "reads-nothing.json": argument("input", {"n": "y"}),
        "item-of-one.json": argument("input", {"n": "x", "i": 0}),
        "no-tensor.json": argument("weight", {"p": "conv2.weight"}),
        "argument-unknown.json": argument("out", {"n": "x"}),
        "argument-of-other-type.json": argument("padding", "__import__('os')"),
        "argument-beyond-64-bits.json": argument("groups", 1 << 64),
        "argument-object.json": argument("groups", {"eval": "1"}),
        "argument-word.json": argument("groups", {"dtype": "Tensor"}),
        "argument-nested.json": argument("padding", [[[[1]]]]),
        "argument-missing.json": lambda net: net["nodes"][0]["args"].pop("input"),
        "mode-on-no-flag.json": argument("groups", {"mode": "training"}),
        "name-twice.json": lambda net: net["nodes"][1].__setitem__("name", "conv1"),
        "name-of-input.json": conv("name", "x"),
        "name-injection.json": conv("name", "x;import os"),
        "name-path.json": conv("name", "../conv1"),
        "name-hidden.json": conv("name", "conv1..weight"),
        "name-too-long.json": conv("name", "c" * 513),
        "module-is-tensor.json": conv("module", "conv1.weight"),
        "shape-huge.json": conv("values", [["float32", [1 << 41]]]),
        "shape-huge-product.json": conv("values", [["float32", [1 << 30, 1 << 30]]]),
        "shape-negative.json": conv("values", [["float32", [-1]]]),
        "shape-of-code.json": conv("values", [["float32", ["__import__('os').x"]]]),
        "shape-deep.json": conv("values", [["float32", [1] * 65]]),
        "dtype-unknown.json": conv("values", [["float31", [1]]]),
        "values-two.json": conv("values", [["float32", [1]], ["float32", [1]]]),
        "counter-elsewhere.json": conv("counter", "conv1.weight"),
        "field-unknown.json": conv("code", "1"),
        "field-missing.json": lambda net: net.pop("tensors"),
        "tensor-twice.json": lambda net: net["tensors"].append(net["tensors"][0]),
        "tensor-role.json": tensor("role", "code"),
        "tensor-is-module.json": lambda net: net["tensors"].append(
            {**net["tensors"][0], "name": "conv1"}
        ),
        "tensor-free-size.json": tensor("shape", ["s0"]),
        "tensor-tied-to-itself.json": tensor("tied", "conv1.weight"),
        "constant-too-short.json": lambda net: net["tensors"][0].update(
            role="constant", data="AAAA"
        ),
        "constant-not-base64.json": lambda net: net["tensors"][0].update(role="constant", data="*"),
        "output-unknown.json": lambda net: net.__setitem__("outputs", {"n": "y"}),
        "output-text.json": lambda net: net.__setitem__("outputs", "x"),
        "kind-beside-op.json": conv("kind", "CONV"),
        "edges-but-not-executable.json": lambda net: net.__setitem__("executable", False),
    }


def bad() -> dict[str, tuple[bytes, str]]:
    """Return the files that must be refused, and the kind of each error, by name."""
    start = to_json(example())
    found = {}
    for name, change in _changes().items():
        value = json.loads(start)
        change(value)
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        found[name] = (text.encode(), NEWER if name == "newer.json" else DAMAGE)
    found["spaces.json"] = (start.replace(b",", b", "), DAMAGE)
    found["key-twice.json"] = (start.replace(b'{"exec', b'{"executable":true,"exec'), DAMAGE)
    found["infinity.json"] = (start.replace(b"[1,1]", b"Infinity"), DAMAGE)
    found["cut-short.json"] = (start[:-1], DAMAGE)
    found["empty.json"] = (b"", DAMAGE)
    found["list.json"] = (b"[]", DAMAGE)
    found["not-text.json"] = (b"\xff\xfe\x00", DAMAGE)
    return found


def main() -> None:
    """Write the files into a new folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    for part in ("good", "bad"):
        (folder / part).mkdir()
    for name, data in good().items():
        (folder / "good" / name).write_bytes(data)
    kinds = {}
    for name, (data, kind) in bad().items():
        (folder / "bad" / name).write_bytes(data)
        kinds[name] = kind
    expected = json.dumps({"bad": kinds, "good": sorted(good())}, indent=1, sort_keys=True)
    (folder / "expected.json").write_text(expected + "\n")


if __name__ == "__main__":
    main()
