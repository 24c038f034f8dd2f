"""Guards: by how much the values of a program in a network's own dtypes may differ from float64.

Nothing is proved of such a program. A margin within the guard is a *tie*: the label is proved for
the float64 evaluation of the stored weights, and another program may give another one.
"""

from __future__ import annotations

from modelhub.net.graph import Network

__all__ = ["guard_of"]

# Of networks in float32 whose values are of the order of 1 to 100, as logits are. The largest
# differences on ten trained ones (perceptrons, CNNs and transformers of 3 to 20 layers, 300 inputs
# each, values up to 61) were 1.9e-6 to 1.1e-5.
_GUARD = 1e-4
# Units of roundoff; errors grow in proportion to them.
_UNITS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


def guard_of(network: Network) -> float:
    """Return the guard of a network by its coarsest float dtype: 1e-4 for float32."""
    dtypes = {tensor.dtype for tensor in network.tensors}
    dtypes |= {value.dtype for node in network.nodes for value in node.values}
    units = [_UNITS[dtype] for dtype in dtypes if dtype in _UNITS]
    return _GUARD * max(units, default=_UNITS["float32"]) / _UNITS["float32"]
