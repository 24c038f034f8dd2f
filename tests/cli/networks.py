"""Write a small network and weights for the sessions: `make-network`.

Writes net.json, weights.npz that fit it, and other.npz that do not, into the working folder; data
for it in data.npz and unlabelled.npz, three of four labels as it answers, and in pixels.npz and
wide.npz what it cannot take.
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


if __name__ == "__main__":
    main()
