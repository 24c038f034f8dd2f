"""Remember what storing a tensor alone or against a base takes, from one archive run to the next.

A cost is *exact* where such an entry has been written, else an estimate. Both depend only on the
two contents and the preset, so they never go stale; the file may be removed at any time.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelhub import ids
from modelhub.codec.presets import PRESETS, Preset
from modelhub.errors import ModelHubError
from modelhub.fs import files

__all__ = ["ALONE", "EdgeCost", "EdgeCosts"]

# The base of what stands alone.
ALONE = b""

# How many there are stands before the bytes of each; an element has at most 8 bytes.
_SEGMENTS = 1 + 8
# A file with other fields is one of another version, and made anew.
_ROW = np.dtype(
    [
        ("own", "u1", (ids.ID_BYTES,)),
        ("base", "u1", (ids.ID_BYTES,)),
        ("preset", "u1"),
        ("exact", "u1"),
        ("delta", "u1"),
        ("stored", "<u8"),
        ("segments", "<u8", (_SEGMENTS,)),
    ]
)


@dataclass(frozen=True, slots=True)
class EdgeCost:
    """What an entry takes, in bytes.

    Args:
        stored_bytes: With its record, as `Entry.stored_bytes`.
        segment_bytes: Payload of each segment, the most significant first.
        is_delta: False where a base was tried and the entry is smaller alone.
        exact: Whether this is an entry as written, and no estimate.
    """

    stored_bytes: int
    segment_bytes: tuple[int, ...]
    is_delta: bool
    exact: bool

    @property
    def payload_bytes(self) -> int:
        """What reading it whole reads from the pack."""
        return sum(self.segment_bytes)


class EdgeCosts:
    """Costs by (tensor, base), kept in a file; `ALONE` is the base of what stands alone."""

    def __init__(self, preset: Preset = "default") -> None:
        self.preset: Preset = preset
        self._known: dict[tuple[bytes, bytes], EdgeCost] = {}
        self.changed = False

    def get(self, own: bytes, base: bytes) -> EdgeCost | None:
        """Return a cost that is known."""
        return self._known.get((own, base))

    def put(self, own: bytes, base: bytes, cost: EdgeCost) -> None:
        """Remember a cost; an estimate does not replace what is exact."""
        known = self._known.get((own, base))
        if known != cost and not (known is not None and known.exact and not cost.exact):
            self._known[own, base] = cost
            self.changed = True

    @classmethod
    def load(cls, path: Path, preset: Preset = "default") -> EdgeCosts:
        """Read what an earlier run measured; a file that is damaged or not there is none."""
        costs = cls(preset)
        try:
            rows = np.load(io.BytesIO(files.read_bytes(path)), allow_pickle=False)
        except (ModelHubError, ValueError, EOFError, OSError):
            return costs
        if rows.dtype != _ROW or rows.ndim != 1:
            return costs
        number = PRESETS.index(preset)
        for row in rows[rows["preset"] == number]:
            base = row["base"].tobytes()
            key = row["own"].tobytes(), base if any(base) else ALONE
            segments = tuple(int(size) for size in row["segments"][1 : 1 + int(row["segments"][0])])
            costs._known[key] = EdgeCost(
                int(row["stored"]), segments, bool(row["delta"]), bool(row["exact"])
            )
        return costs

    def save(self, path: Path, objects: Collection[bytes]) -> None:
        """Write the costs of tensors that are still there, if any is new."""
        if not self.changed:
            return
        kept = [
            (key, cost)
            for key, cost in self._known.items()
            if key[0] in objects and (not key[1] or key[1] in objects)
        ]
        rows = np.zeros(len(kept), _ROW)
        for row, ((own, base), cost) in zip(rows, kept, strict=True):
            row["own"] = np.frombuffer(own, np.uint8)
            if base:
                row["base"] = np.frombuffer(base, np.uint8)
            row["preset"] = PRESETS.index(self.preset)
            row["exact"], row["delta"] = cost.exact, cost.is_delta
            row["stored"] = cost.stored_bytes
            row["segments"][0] = len(cost.segment_bytes)
            row["segments"][1 : 1 + len(cost.segment_bytes)] = cost.segment_bytes
        out = io.BytesIO()
        np.save(out, rows, allow_pickle=False)
        if not files.exists(path.parent):
            files.make_dir(path.parent)
        files.write_atomic(path, out.getbuffer())
        self.changed = False
