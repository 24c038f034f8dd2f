"""Walk what a torch pickle holds: tensors under dotted names, scalars, and what is neither."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelhub.containers.limits import (
    LIST_SCALARS_MAX,
    NAME_BYTES_MAX,
    NEST_MAX,
    NODES_MAX,
    check_name,
)
from modelhub.containers.pickle_values import Encoded, Global, Items, NumpyArray, Opaque
from modelhub.containers.scalars import Scalars, is_scalar
from modelhub.containers.torch_table import StorageRef, TensorRef
from modelhub.errors import BadInputError

__all__ = ["Found", "walk"]

# What a tensor is called that was saved on its own.
_ROOT = "tensor"


@dataclass(slots=True)
class Found:
    """The tensors and arrays of a checkpoint by name, its scalars, and remarks."""

    tensors: list[tuple[str, TensorRef]] = field(default_factory=list)
    arrays: list[tuple[str, NumpyArray]] = field(default_factory=list)
    scalars: Scalars = field(default_factory=Scalars)
    notes: list[str] = field(default_factory=list)


class _Walk:
    def __init__(self, where: str) -> None:
        self.found = Found()
        self._where = where
        self._nodes = 0

    def visit(self, name: str, value: object, depth: int) -> None:
        """Take a value and, under dotted names, what is in it."""
        self._nodes += 1
        if self._nodes > NODES_MAX or depth > NEST_MAX:
            raise BadInputError(
                "values that are nested too deep or shared too often",
                expected=f"at most {NEST_MAX} levels and {NODES_MAX} values",
                where=self._where,
                kind="bad_header",
            )
        if isinstance(value, TensorRef):
            self.found.tensors.append((check_name(name or _ROOT, self._where), value))
        elif isinstance(value, StorageRef):
            whole = TensorRef(value, value.dtype, value.start, (value.count,), (1,))
            self.found.tensors.append((check_name(name or _ROOT, self._where), whole))
        elif isinstance(value, NumpyArray):
            self.found.arrays.append((check_name(name or _ROOT, self._where), value))
        elif isinstance(value, Items):
            for key, inner in value:
                text = _key(key)
                if text is None:
                    self._nodes += 1
                    self.found.scalars.leave_out()
                else:
                    # Cut where it is too long for a tensor anyway: a long key can be shared often.
                    text = text[: max(NAME_BYTES_MAX + 1 - len(name), 0)]
                    self.visit(f"{name}.{text}" if name else text, inner, depth + 1)
        elif isinstance(value, (list, tuple)):
            self._sequence(name, value, depth)
        else:
            self._leaf(name, value)

    def _sequence(self, name: str, values: list[object] | tuple[object, ...], depth: int) -> None:
        if len(values) > LIST_SCALARS_MAX and all(is_scalar(value) for value in values):
            # A look at a scalar costs a sixteenth of a visit.
            self._nodes += len(values) // 16
            self.found.scalars.leave_out(len(values))
            return
        for index, inner in enumerate(values):
            self.visit(f"{name}.{index}" if name else str(index), inner, depth + 1)

    def _leaf(self, name: str, value: object) -> None:
        if isinstance(value, (str, int, float)):
            self.found.scalars.add(name, value)
        elif isinstance(value, Global):
            self.found.scalars.add(name, value.path)
        elif isinstance(value, Opaque):
            self.found.notes.append(f"{name[:256]}: {value.what}, kept in the file only")
        elif isinstance(value, (bytes, bytearray, Encoded)):
            self.found.scalars.leave_out()


def _key(key: object) -> str | None:
    if isinstance(key, str):
        return key
    # A huge integer would take long to write out.
    if isinstance(key, (bool, float)) or (isinstance(key, int) and key.bit_length() < 64):
        return str(key)
    return "None" if key is None else None


def walk(root: object, where: str) -> Found:
    """Return what a pickle's root object holds.

    Raises:
        BadInputError: kind bad_header for values nested or shared past all use, bad_name.
    """
    walker = _Walk(where)
    walker.visit("", root, 0)
    return walker.found
