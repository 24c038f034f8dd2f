from typing import Any, Final

__all__ = [
    "DEPTH_MAX",
    "KEPT_BYTES",
    "KEY_BYTES_MAX",
    "is_hashed",
    "pack_key",
    "pack_prefix",
    "pack_record",
    "shorten",
    "unpack_key",
    "unpack_record",
]

DEPTH_MAX: Final[int]
KEPT_BYTES: Final[int]
KEY_BYTES_MAX: Final[int]

_Item = bool | int | float | str | bytes | None

def pack_key(items: tuple[_Item, ...]) -> bytes: ...
def pack_prefix(items: tuple[_Item, ...]) -> bytes: ...
def shorten(full: bytes) -> bytes: ...
def is_hashed(key: bytes) -> bool: ...
def unpack_key(key: bytes) -> tuple[_Item, ...]: ...
def pack_record(value: Any) -> bytes: ...
def unpack_record(data: bytes) -> Any: ...
