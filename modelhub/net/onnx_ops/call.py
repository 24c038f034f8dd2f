"""One call of an ONNX operator: its inputs and attributes, as its function asks for them.

A *host* value is a numpy array that is known while the graph is read: shapes, axes, constants. It
holds sizes too (torch's symbols, in an array of objects), so that shape arithmetic stays arithmetic
over sizes. Every other value is a torch tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelhub.errors import BadInputError
from modelhub.net.onnx_graph import OnnxNode, Stored
from modelhub.optional import require

__all__ = ["Call", "Function", "dtype_of", "to_tensor"]

torch: Any = require("torch", "torch")

# onnx.TensorProto.DataType -> torch's name.
_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64",
    15: "complex128", 16: "bfloat16", 17: "float8_e4m3fn", 19: "float8_e5m2",
}  # fmt: skip

Function = Callable[["Call"], Any]


def dtype_of(number: int) -> Any:
    """Return torch's dtype for ONNX's number.

    Raises:
        BadInputError: torch or a network has none.
    """
    name = _DTYPES.get(number)
    if name is None:
        raise BadInputError(f"ONNX dtype {number}", expected="a dtype that torch has")
    return getattr(torch, name)


def to_tensor(value: np.ndarray) -> Any:
    """Return a host value as a tensor; sizes in it stay sizes."""
    if value.dtype != object:
        if value.dtype.name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
            return torch.tensor(value.astype(np.float32).tolist(), dtype=dtype_by(value))
        return torch.tensor(value.tolist(), dtype=dtype_by(value)).reshape(value.shape)
    if all(isinstance(item, int) for item in value.reshape(-1).tolist()):
        return torch.tensor(value.tolist(), dtype=torch.int64)
    flat = [torch.scalar_tensor(item, dtype=torch.int64) for item in value.reshape(-1).tolist()]
    return flat[0] if value.ndim == 0 else torch.stack(flat).reshape(value.shape)


def dtype_by(value: np.ndarray) -> Any:
    """Return torch's dtype of a host value."""
    return torch.int64 if value.dtype == object else getattr(torch, value.dtype.name)


@dataclass(slots=True)
class Call:
    """A node with its inputs; `fetch` gives a stored tensor, `training` is the module's mode."""

    node: OnnxNode
    inputs: Sequence[Any]
    opset: int
    training: bool
    fetch: Callable[[Stored], Any]
    wanted: int = 1
    _attributes: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._attributes = self.node.attributes

    def refuse(self, what: str) -> BadInputError:
        """Return the error that says what of the operator a network cannot hold."""
        return BadInputError(
            f"{self.node.op} with {what} has no place in a network", where=self.node.name[:80]
        )

    def has(self, index: int) -> bool:
        """Say whether an input is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def raw(self, index: int) -> Any:
        """Return an input as it is: a tensor, a host value or a stored tensor; None if left out."""
        return self.inputs[index] if self.has(index) else None

    def tensor(self, index: int) -> Any:
        """Return an input as a tensor; raises BadInputError if it is left out."""
        value = self.raw(index)
        if value is None:
            raise self.refuse(f"no input {index}")
        if isinstance(value, Stored):
            return self.fetch(value)
        return to_tensor(value) if isinstance(value, np.ndarray) else value

    def optional(self, index: int) -> Any:
        """Return an input as a tensor, or None."""
        return self.tensor(index) if self.has(index) else None

    def known(self, index: int) -> np.ndarray | None:
        """Return an input as a host value, or None if it is a tensor that is computed."""
        value = self.raw(index)
        if isinstance(value, Stored):
            return value.array
        return value if isinstance(value, np.ndarray) else None

    def host(self, index: int) -> np.ndarray:
        """Return an input as a host value.

        Raises:
            BadInputError: it is computed from the network's inputs.
        """
        value = self.known(index)
        if value is None:
            raise self.refuse(f"a computed input {index}")
        return value

    def list(self, index: int, attribute: str, default: Any = None) -> Any:
        """Return a list that is an input in newer operator sets and an attribute in older ones."""
        if self.has(index):
            return self.host(index).reshape(-1).tolist()
        return self.attribute(attribute, default)

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or its default."""
        return self._attributes.get(name, default)

    def only(self, **expected: Any) -> None:
        """Refuse attributes of another value than the ones given here."""
        for name, value in expected.items():
            found = self.attribute(name, value)
            if found != value:
                raise self.refuse(f"{name}={str(found)[:40]}")

    def axis(self, rank: int, default: int, name: str = "axis") -> int:
        """Return the attribute `axis`, counted from the front.

        Raises:
            BadInputError: there is no such dimension.
        """
        axis = self.attribute(name, default)
        if not -rank <= axis < max(rank, 1):
            raise self.refuse(f"axis {axis} of {rank}")
        return int(axis % rank) if rank else 0
