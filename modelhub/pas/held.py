"""Hold the tensors read last, for work that goes from one tensor to others like it."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from modelhub.pas.store import Store

__all__ = ["HELD_BYTES_MAX", "Held"]

# Enough for the same-named tensors of a run, so that each is read once.
HELD_BYTES_MAX = 1 << 29


class Held:
    """Raw bytes of tensors; `HELD_BYTES_MAX` of them, and two however large they are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._bytes = 0

    def read(self, object_id: bytes) -> np.ndarray:
        """Return a tensor's raw bytes (uint8), which the caller must not change."""
        data = self._held.get(object_id)
        if data is None:
            data = self._store.read(object_id).data
            self._held[object_id] = data
            self._bytes += data.nbytes
        self._held.move_to_end(object_id)
        while self._bytes > HELD_BYTES_MAX and len(self._held) > 2:
            _, dropped = self._held.popitem(last=False)
            self._bytes -= dropped.nbytes
        return data
