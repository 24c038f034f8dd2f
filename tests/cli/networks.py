"""Write a small network and weights for the sessions: `make-network`.

Writes net.json, weights.npz that fit it, and other.npz that do not, into the working folder; data
for it in data.npz and unlabelled.npz, three of four labels as it answers, and in pixels.npz and
wide.npz what it cannot take. Writes deep.json and deep.npz, a network of two layers for the same
data whose weights have prefixes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modelhub.net import Network, Node, Tensor, Value, to_json
from modelhub.net.arguments import Ref, Weight


def main() -> None:
    """Write the files."""
    rows = (Value("float32", ("s0", 2)),)
    arguments = {"input": Ref("x"), "weight": Weight("fc.weight"), "bias": Weight("fc.bias")}
    network = Network(
        inputs={"x": rows[0]},
        nodes=(
            Node("fc", "aten.linear.default", "fc", arguments, rows),
            Node("relu", "aten.relu.default", arguments={"self": Ref("fc")}, values=rows),
        ),
        tensors=(Tensor("fc.weight", "float32", (2, 2)), Tensor("fc.bias", "float32", (2,))),
        outputs=Ref("relu"),
    )
    Path("net.json").write_bytes(to_json(network))
    bias = np.zeros(2, np.float32)
    np.savez("weights.npz", **{"fc.weight": np.eye(2, dtype=np.float32), "fc.bias": bias})
    np.savez("other.npz", **{"fc.weight": np.ones((3, 2), np.float32), "fc.bias": bias})
    x, y = np.array([[1, 0], [0, 1], [2, 1], [0, 3]]), np.array([0, 1, 1, 1])
    np.savez("data.npz", x=x.astype(np.float32), y=y)
    np.savez("unlabelled.npz", x=x.astype(np.float32))
    np.savez("pixels.npz", x=x.astype(np.uint8), y=y)
    np.savez("wide.npz", x=np.ones((4, 3), np.float32))
    deep()


def deep() -> None:
    """Write deep.json and deep.npz."""
    hidden, rows = Value("float32", ("s0", 256)), Value("float32", ("s0", 2))
    first, last = (
        {"input": Ref(source), "weight": Weight(f"{name}.weight")}
        for name, source in (("first", "x"), ("last", "relu"))
    )
    network = Network(
        inputs={"x": rows},
        nodes=(
            Node("first", "aten.linear.default", "first", first, (hidden,)),
            Node("relu", "aten.relu.default", arguments={"self": Ref("first")}, values=(hidden,)),
            Node("last", "aten.linear.default", "last", last, (rows,)),
        ),
        tensors=(
            Tensor("first.weight", "float32", (256, 2)),
            Tensor("last.weight", "float32", (2, 256)),
        ),
        outputs=Ref("last"),
    )
    Path("deep.json").write_bytes(to_json(network))
    random = np.random.default_rng(0)
    weights = {name: random.random((256, 2)).astype(np.float32) for name in ("first", "last")}
    # The first half reads the first number and speaks for the first class, the other the other.
    for name in weights:
        weights[name][:128, 1] *= -0.1
        weights[name][128:, 0] *= -0.1
    np.savez("deep.npz", **{"first.weight": weights["first"], "last.weight": weights["last"].T})


if __name__ == "__main__":
    main()
