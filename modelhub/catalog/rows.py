"""Code the catalog's rows: *relation*, key and record to the bytes that LMDB keeps, and back.

A row's key begins with the byte of its relation. Its value begins with a checksum over key and
record, because LMDB has none: a flipped bit is an error, never a wrong answer.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any
from zlib import crc32

from modelhub.catalog import keys
from modelhub.errors import CorruptionError

__all__ = [
    "COUNTED",
    "REPAIR_HINT",
    "Key",
    "Relation",
    "decode",
    "encode",
    "key_of",
    "prefix_of",
    "record_of",
]

Key = tuple[bool | int | float | str | bytes | None, ...]

REPAIR_HINT = "run `modelhub fsck --repair`, which writes the catalog anew from the packs"

_CHECKSUM_BYTES = 4


class Relation(IntEnum):
    """The relations by their number on disk; append-only, see docs/formats/catalog.md."""

    META = 1
    COUNT = 2
    VERSION = 16
    NAME = 17
    TIME = 18
    LAST = 19
    CHILD = 20
    TAG = 21
    METADATA = 22
    VALUE = 23
    USE = 24
    SERIES = 25
    METRIC = 26
    NETWORK = 27
    TREE = 32
    TENSOR = 33
    LAYERS = 40
    KIND = 41
    PAIR = 42
    ANNOTATION = 48
    LOCATION = 64
    PACK = 65
    SKETCH = 68
    BAND = 69
    FILE = 80


# Relations whose rows are counted, so that a count needs no scan; the others mirror one of these,
# or belong to one.
COUNTED = frozenset(
    {
        Relation.VERSION,
        Relation.TAG,
        Relation.METADATA,
        Relation.NETWORK,
        Relation.TREE,
        Relation.TENSOR,
        Relation.ANNOTATION,
        Relation.LOCATION,
        Relation.FILE,
    }
)


def prefix_of(relation: Relation, items: Key) -> bytes:
    """Return what the full keys of a relation whose first items are these begin with."""
    return bytes((relation,)) + keys.pack_prefix(items)


def key_of(relation: Relation, items: Key) -> bytes:
    """Return the key of a row, short enough for LMDB."""
    return keys.shorten(prefix_of(relation, items))


def encode(relation: Relation, items: Key, record: Any) -> tuple[bytes, bytes]:
    """Return key and value of a row."""
    full = prefix_of(relation, items)
    key = keys.shorten(full)
    body = keys.pack_record((full, record) if keys.is_hashed(key) else record)
    return key, crc32(body, crc32(key)).to_bytes(_CHECKSUM_BYTES, "little") + body


def decode(key: bytes, value: bytes) -> tuple[bytes, Key, Any]:
    """Return full key, its items and the record of a row.

    Raises:
        CorruptionError: the checksum fails, or the row breaks its format.
    """
    body = _checked(key, value)
    full = key
    try:
        record = keys.unpack_record(body)
        if keys.is_hashed(key):
            full, record = record
        return full, keys.unpack_key(full[1:]), record
    except (ValueError, TypeError) as error:
        raise _damaged(key, str(error)) from error


def record_of(key: bytes, value: bytes) -> Any:
    """Return the record of a row alone, where the key is known.

    Raises:
        CorruptionError: the checksum fails, or the row breaks its format.
    """
    if keys.is_hashed(key):
        return decode(key, value)[2]
    body = _checked(key, value)
    try:
        return keys.unpack_record(body)
    except (ValueError, TypeError) as error:
        raise _damaged(key, str(error)) from error


def _checked(key: bytes, value: bytes) -> bytes:
    body = value[_CHECKSUM_BYTES:]
    expected = int.from_bytes(value[:_CHECKSUM_BYTES], "little")
    if len(value) < _CHECKSUM_BYTES or crc32(body, crc32(key)) != expected:
        raise _damaged(key, "the checksum of a row fails")
    return body


def _damaged(key: bytes, found: str) -> CorruptionError:
    relation = key[0] if key else 0
    known = relation in Relation.__members__.values()
    name = Relation(relation).name.lower() if known else str(relation)
    return CorruptionError(
        found, where=f"catalog, relation {name}, key {key.hex()}", hint=REPAIR_HINT
    )
