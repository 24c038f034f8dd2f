"""Import a network from a torch module and example inputs.

torch itself is imported on the first call, so that this module can be imported without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelhub.net.graph import Network
from modelhub.optional import require

__all__ = ["from_module"]


def from_module(
    module: Any,
    example_inputs: Sequence[Any] = (),
    example_kwargs: Mapping[str, Any] | None = None,
    *,
    dynamic: Mapping[str, Sequence[int]] | None = None,
    check: bool = True,
) -> Network:
    """Return the network of a `torch.nn.Module`; the module is left as it was.

    The module's forward is traced by `torch.export` in train mode; flags that depend on the mode
    stay flags, so one network serves both modes.

    Args:
        module: The module.
        example_inputs: Tensors as for a call of the module; batch (dimension 0) of any size.
        example_kwargs: The same by name; None and other plain values become part of the network.
        dynamic: For each input, by the name of its argument, the dimensions whose size may vary.
            Without it: dimension 0, and dimension 1 of whole-number inputs (a text's length).
        check: Run module and network on the example in eval mode, and refuse a network that gives
            other values. Costs two forward passes.

    Raises:
        BadInputError: the module cannot be traced, uses an op that a network may not hold, changes
            its inputs or state in a way that cannot be kept, or the check fails; kind
            `network_limit`, it has more nodes or tensors than a network may have.
        ModelHubError: kind `missing_extra`, torch is not installed.
    """
    tracing = require("modelhub.net.tracing", "torch")
    network: Network = tracing.trace(module, example_inputs, example_kwargs or {}, dynamic, check)
    return network
