"""Look into metadata by dots: `optimizer.lr` is `lr` in `optimizer`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Settings", "config_of"]

_CONFIG = "config."


class Settings(Mapping[str, Any]):
    """Flat keys with dots as nested mappings; a whole key with its dots is found too.

    Where a key is both a value and the beginning of others, it is the value.
    """

    def __init__(self, flat: Mapping[str, Any], prefix: str = "") -> None:
        self._flat = flat
        self._prefix = prefix

    def __getitem__(self, key: str) -> Any:
        full = self._prefix + key
        if full in self._flat:
            return self._flat[full]
        below = f"{full}."
        if any(other.startswith(below) for other in self._flat):
            return Settings(self._flat, below)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        start = len(self._prefix)
        keys = (key for key in self._flat if key.startswith(self._prefix))
        return iter(dict.fromkeys(key[start:].partition(".")[0] for key in keys))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def config_of(metadata: Mapping[str, Any]) -> Settings:
    """Return metadata as settings, without the leading `config.` that files bring along."""
    plain = {key: value for key, value in metadata.items() if not key.startswith(_CONFIG)}
    own = {key[len(_CONFIG) :]: value for key, value in metadata.items() if key not in plain}
    return Settings(plain | own)
