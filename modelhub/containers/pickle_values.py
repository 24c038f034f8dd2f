"""The inert stand-ins that a pickle's objects become: they hold arguments and do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Buildable", "Encoded", "Global", "Items", "NumpyArray", "NumpyDtype", "Opaque"]


@dataclass(frozen=True, slots=True)
class Global:
    """A name that the pickle mentions; nothing is imported for it."""

    module: str
    name: str

    @property
    def path(self) -> str:
        """The dotted name."""
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Opaque:
    """An object of a known kind whose content stays in the file only."""

    what: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """Bytes that the pickle wrote as text; encoded when they are needed, not before."""

    text: str

    def data(self) -> bytes:
        """Return the bytes; raises UnicodeEncodeError if they were none."""
        return self.text.encode("latin-1")


@dataclass(slots=True)
class Items:
    """A dict of any class, as pairs: keys are not hashed, so no key can be made to cost much.

    `first` is what the constructor was given, shared with the pickle's memo and so never copied.
    """

    first: object = None
    pairs: list[tuple[object, object]] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[object, object]]:
        if isinstance(self.first, Items):
            yield from self.first.pairs
        elif isinstance(self.first, (list, tuple)):
            for pair in self.first:
                if isinstance(pair, (list, tuple)) and len(pair) == 2:
                    yield pair[0], pair[1]
        yield from self.pairs


class Buildable:
    """A stand-in that takes part of its content from the BUILD that follows its creation."""

    __slots__ = ()

    def build(self, state: object) -> None:
        """Take the content."""
        raise NotImplementedError


_NUMPY_ORDER = {"<": "<", ">": ">", "|": "|", "=": "<"}


@dataclass(slots=True)
class NumpyDtype(Buildable):
    """A numpy dtype: a code such as "f8" and a byte order."""

    code: str
    order: str = "<"

    def build(self, state: object) -> None:
        """Take the byte order out of (version, order, ...)."""
        if isinstance(state, tuple) and len(state) > 1 and isinstance(state[1], str):
            self.order = _NUMPY_ORDER.get(state[1], "?")

    @property
    def descr(self) -> str:
        """The dtype as an .npy header writes it."""
        return self.order + self.code


@dataclass(slots=True)
class NumpyArray(Buildable):
    """A numpy array whose values stand in the pickle itself."""

    dtype: NumpyDtype | None = None
    shape: tuple[object, ...] = ()
    fortran: bool = False
    values: bytes | bytearray | Encoded | None = None

    def build(self, state: object) -> None:
        """Take (version, shape, dtype, is_fortran, values); anything else leaves it empty."""
        if isinstance(state, tuple) and len(state) == 5:
            _, shape, dtype, fortran, values = state
            if isinstance(shape, tuple) and isinstance(dtype, NumpyDtype):
                self.dtype, self.shape, self.fortran = dtype, shape, fortran is True
            if isinstance(values, (bytes, bytearray, Encoded)):
                self.values = values
