"""A program that rebuilds networks from JSON and weights alone, runs and trains them, and writes
what came out. It knows nothing of the models' sources.

    python rebuild.py FOLDER    reads NAME.json, NAME.pt; writes NAME.out
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from modelhub.net.graph_json import from_json
from modelhub.net.module import build


def results(module: Any, small: Any, large: Any) -> dict[str, Any]:
    """Run in eval mode on two batches, then take one step of SGD in train mode."""
    torch.backends.mha.set_fastpath_enabled(False)
    module.eval()
    with torch.no_grad():
        outputs = [tree_leaves(module(small)), tree_leaves(module(large))]
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    torch.manual_seed(7)
    trained = tree_leaves(module(large))
    sum(leaf.square().sum() for leaf in trained).backward()
    optimizer.step()
    return {
        "outputs": outputs,
        "trained": [leaf.detach() for leaf in trained],
        "gradients": {name: p.grad for name, p in module.named_parameters()},
        "state": module.state_dict(),
    }


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    for path in sorted(folder.glob("*.json")):
        given = torch.load(path.with_suffix(".pt"), weights_only=True)
        module = build(from_json(path.read_bytes()), given["weights"])
        torch.save(results(module, *given["inputs"]), path.with_suffix(".out"))
    assert not any(name.endswith("models") or name == "transformers" for name in sys.modules)


if __name__ == "__main__":
    main()
