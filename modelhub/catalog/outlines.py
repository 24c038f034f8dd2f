"""Code the outline of a network as one record, so that a query reads it in microseconds.

What structure is asked by (names, kinds, edges) is decoded at once; attributes, which equal layers
share, only when one is asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, overload

from modelhub.catalog import keys
from modelhub.catalog.rows import REPAIR_HINT
from modelhub.errors import CorruptionError
from modelhub.net.outline import Outline, wired

__all__ = ["outline_of_row", "outline_row", "terms_of_row"]

# A network has at most 20,000 nodes and as many inputs, so 16 bits number all of them.
_NUMBER = "H"


def outline_row(outline: Outline) -> tuple[Any, ...]:
    """Return what is kept of an outline under its network."""
    words = sorted(set(outline.kinds))
    number = {word: at for at, word in enumerate(words)}
    sources = [source for each in outline.sources for source in each]
    pairs = sorted((number[one], number[two]) for one, two in outline.pairs)
    return (
        outline.executable,
        "\n".join(outline.inputs),
        "\n".join(outline.names),
        " ".join(words),
        bytes([number[kind] for kind in outline.kinds]),
        _packed([len(each) for each in outline.sources]),
        _packed(sources),
        _packed(outline.outputs),
        bytes([number for pair in pairs for number in pair]),
        keys.pack_record(_shared(outline.attributes)),
    )


def outline_of_row(row: Any) -> Outline:
    """Return the outline that a row describes, without its pairs, which only indexes need.

    Raises:
        CorruptionError: the row is of another shape.
    """
    try:
        executable, inputs, names, words, kinds, counts, edges, outputs, _, attributes = row
        structure = _structure(executable, inputs, names, words, kinds, counts, edges, outputs)
        return Outline(
            inputs=structure.inputs,
            names=structure.names,
            kinds=structure.kinds,
            sources=structure.sources,
            outputs=structure.outputs,
            attributes=_Attributes(attributes, len(kinds)),
            executable=structure.executable,
            reads=structure.reads,
            readers=structure.readers,
            structure=structure,
        )
    except (AttributeError, IndexError, TypeError, ValueError, struct.error) as error:
        raise _damaged(error) from error


# Equal only if it is the same: to hash all columns would cost more than it saves.
@dataclass(frozen=True, slots=True, eq=False)
class _Structure:
    executable: bool
    inputs: tuple[str, ...]
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    sources: tuple[tuple[int, ...], ...]
    reads: tuple[tuple[str, ...], ...]
    readers: dict[str, list[str]]
    outputs: tuple[int, ...]


# Networks that follow each other in a repository mostly differ in sizes alone.
@lru_cache(maxsize=64)
def _structure(
    executable: bool,
    inputs: str,
    names: str,
    words: str,
    kinds: bytes,
    counts: bytes,
    edges: bytes,
    outputs: bytes,
) -> _Structure:
    kind_words = words.split(" ")
    flat = _unpacked(edges)
    sources = []
    at = 0
    for count in _unpacked(counts):
        sources.append(flat[at : at + count])
        at += count
    of_inputs = tuple(inputs.split("\n")) if inputs else ()
    of_nodes = tuple(names.split("\n")) if names else ()
    if len(kinds) != len(of_nodes) or at != len(flat):
        raise ValueError("columns of different lengths")
    reads, readers = wired(of_inputs, of_nodes, sources)
    return _Structure(
        executable=executable,
        inputs=of_inputs,
        names=of_nodes,
        kinds=tuple([kind_words[number] for number in kinds]),
        sources=tuple(sources),
        reads=reads,
        readers=readers,
        outputs=_unpacked(outputs),
    )


def terms_of_row(row: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the kinds and the pairs of kinds that a row is found by.

    Raises:
        CorruptionError: the row is of another shape.
    """
    try:
        words = row[3].split(" ") if row[3] else []
        return words, _pairs(words, row[8])
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise _damaged(error) from error


def _pairs(words: Sequence[str], numbers: bytes) -> list[tuple[str, str]]:
    found = [words[number] for number in numbers]
    return list(zip(found[::2], found[1::2], strict=True))


def _packed(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}{_NUMBER}", *numbers)


def _unpacked(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 2}{_NUMBER}", data)


def _shared(attributes: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], bytes]:
    """Return the different sets of attributes, and for each node the number of its own."""
    known: dict[bytes, int] = {}
    different: list[dict[str, Any]] = []
    numbers = []
    for each in attributes:
        plain = dict(each)
        # By their coding, which tells 1 from true and 1.0.
        coded = keys.pack_record(plain)
        if coded not in known:
            known[coded] = len(different)
            different.append(plain)
        numbers.append(known[coded])
    return different, _packed(numbers)


class _Attributes(Sequence[Mapping[str, Any]]):
    """The attributes of each node, decoded when the first are asked for."""

    def __init__(self, packed: bytes, count: int) -> None:
        self._packed = packed
        self._count = count
        self._found: tuple[list[dict[str, Any]], tuple[int, ...]] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        try:
            if self._found is None:
                different, numbers = keys.unpack_record(self._packed)
                self._found = different, _unpacked(numbers)
            different, numbers = self._found
            return different[numbers[index]]
        except (IndexError, TypeError, ValueError, struct.error) as error:
            raise _damaged(error) from error


def _damaged(error: Exception) -> CorruptionError:
    return CorruptionError(
        f"a row of another shape ({error})", where="catalog, layers", hint=REPAIR_HINT
    )
