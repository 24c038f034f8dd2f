"""Write objects into new packs.

A *session* collects what one commit adds. Objects that are stored already are not written again;
a tensor is written as a delta where a base is given and that is smaller. `seal` closes the pack in
hand (written, synced, renamed to its content name, folder synced) so that its objects can serve as
bases; until the catalog names them they are garbage that `gc` may remove, never a half version.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from modelhub import _core, ids
from modelhub.codec.presets import base_as
from modelhub.errors import ModelHubError, RemoteError
from modelhub.fs import files, seam
from modelhub.pas.store import CompanionPaths, PackPaths, Place, Store
from modelhub.tensors.arrays import Bytes, TensorSpec
from modelhub.tensors.dtypes import by_code, by_name
from modelhub.tensors.sketches import Sketch

__all__ = ["PACK_BYTES_MAX", "Base", "Session", "SessionPaths", "Tally"]

# A pack is closed beyond this size, so that rewriting one never needs more than this much room.
PACK_BYTES_MAX = 1 << 30
# Of the dtypes that the progressive layout is for.
_MANTISSA_BITS = {"float32": 23, "bfloat16": 7, "float16": 10}


@dataclass(slots=True)
class Tally:
    """What a session did: tensors written whole, as deltas, or found stored; bytes added."""

    whole: int = 0
    delta: int = 0
    known: int = 0
    stored_bytes: int = 0
    new_tensors: set[bytes] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Base:
    """A base in memory: its id, the deltas below it, and its raw bytes."""

    id: bytes
    depth: int
    spec: TensorSpec
    data: np.ndarray


class SessionPaths(PackPaths, Protocol):
    """Where packs lie, and where one in the making does."""

    def temporary_pack_path(self) -> Path:
        """Return a fresh path for a pack in the making, in the folder it will lie in."""


class Session:
    """Write access for one writer; use as a context manager, `seal` keeps what was written.

    Args:
        depth_max: The longest chain of deltas that may arise.
        preset: One of `codec.PRESETS`: how much time coding may take for how little room.
        pack_bytes_max: A pack is closed beyond this size, and another begun.
        companions: Where low-order bytes of bases are, of packs that are split.
    """

    def __init__(
        self,
        layout: SessionPaths,
        locate: Callable[[bytes], Place | None],
        *,
        depth_max: int,
        threads: int = 0,
        preset: str = "default",
        pack_bytes_max: int = PACK_BYTES_MAX,
        companions: CompanionPaths | None = None,
    ) -> None:
        self._layout = layout
        self._writer: _core.PackWriter | None = None
        self._writer_path: Path | None = None
        self._pending: dict[bytes, int] = {}
        self.places: dict[bytes, Place] = {}
        self.packs: list[bytes] = []
        self._added: list[bytes] = []
        self.tally = Tally()
        # Of tensors that this session adds, for the catalog; whoever looks for bases fills it.
        self.sketches: dict[bytes, Sketch] = {}
        self._held: tuple[bytes, Bytes] | None = None
        self._depth_max = depth_max
        self._preset = preset
        self._pack_bytes_max = pack_bytes_max
        self._outer = locate
        # Reads what this session has sealed as well as what was there before.
        self.store = Store(layout, self._find, threads=threads, companions=companions)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.abort()
            self._writer = None
        if kind is not None:
            # What cannot be removed now is garbage for gc; the first error is the one to report.
            with contextlib.suppress(ModelHubError):
                self.discard()
        self.store.close()

    def _find(self, object_id: bytes) -> Place | None:
        return self.places.get(object_id) or self._outer(object_id)

    def known(self, object_id: bytes) -> bool:
        """Say whether the object is stored or about to be."""
        return object_id in self._pending or self._find(object_id) is not None

    @property
    def depth_max(self) -> int:
        """The longest chain of deltas that may arise."""
        return self._depth_max

    def settle(self, object_id: bytes) -> None:
        """Make sure that an object known can be read; closes the pack in hand if it is in there."""
        if object_id in self._pending:
            self.seal()

    def add_tensor(
        self,
        object_id: bytes,
        dtype: str,
        shape: tuple[int, ...],
        data: np.ndarray,
        base: bytes | None = None,
    ) -> None:
        """Store a tensor's raw bytes (uint8, contiguous) unless it is stored already.

        Args:
            base: An object to try a delta against, for which `can_be_base` holds.
        """
        if self.known(object_id):
            self.tally.known += 1
            return
        kind = by_name(dtype)
        # Before the writer is asked for: reading a base may close the pack in hand.
        decoded = self._base(base)
        self._held = None
        as_own = None if decoded is None else base_as(decoded[1], TensorSpec(dtype, shape))
        stored, is_delta = self._open().add(
            object_id,
            ids.TENSOR,
            kind.code,
            kind.width,
            kind.kind,
            shape,
            data,
            base=None if decoded is None else decoded[0],
            base_as=as_own,
            threads=self.store.threads,
        )
        self._keep(object_id, stored)
        self.tally.new_tensors.add(object_id)
        if is_delta:
            self.tally.delta += 1
        else:
            self.tally.whole += 1

    def _base(self, base: bytes | None) -> tuple[tuple[bytes, int, np.ndarray], TensorSpec] | None:
        """Decode a base; one that is too deep gives way to the root of its chain.

        A chain's root is a base of depth 0, and in fine-tuning it is nearly as close as its newest
        descendant, so chains stay bounded without storing every n-th version whole. A base whose
        tier is out of reach is no base: a commit does not wait for a disk to come back.
        """
        if base is None or self._depth_max < 1:
            return None
        self.settle(base)
        chain = self.store.chain(base)
        # Counted, since an entry only tells how deep its base was when it was written.
        depth = len(chain) - 1
        reader, index = chain[0]
        if depth >= self._depth_max:
            depth, (reader, index) = 0, chain[-1]
        entry = reader.entry(index)
        spec = TensorSpec(by_code(entry.dtype_code).name, entry.shape)
        try:
            data = self.read_base(entry.id)
        except RemoteError as error:
            if error.kind != "tier":
                raise
            return None
        return (entry.id, depth, data), spec

    def read_base(self, object_id: bytes) -> Bytes:
        """Decode a tensor that may become a base; the last one is held, in case it does.

        REQUIRES: the object is settled.
        """
        if self._held is None or self._held[0] != object_id:
            self._held = None
            self._held = object_id, self.store.read(object_id).data
        return self._held[1]

    def rewrite_tensor(
        self,
        object_id: bytes,
        spec: TensorSpec,
        data: np.ndarray,
        base: Base | None,
        layout: str = "ordinary",
    ) -> bool:
        """Store a tensor anew, whether or not it is stored already; return if it is a delta.

        Args:
            data: Its raw bytes (uint8, contiguous).
            base: What to try a delta against: taken as it is, however deep.
            layout: "progressive" for a fixed entry (docs/formats/pack.md), whose every segment
                tells a few bits of all values: alone, whatever the base, of finite values of
                float32, bfloat16 or float16. Other tensors, and those too small for it, are
                stored as if it were "ordinary".
        """
        kind = by_name(spec.dtype)
        stored, is_delta = self._open().add(
            object_id,
            ids.TENSOR,
            kind.code,
            kind.width,
            kind.kind,
            spec.shape,
            data,
            base=None if base is None else (base.id, base.depth, base.data),
            base_as=None if base is None else base_as(base.spec, spec),
            threads=self.store.threads,
            layout=layout,
            mantissa_bits=_MANTISSA_BITS.get(spec.dtype, 0),
        )
        self._keep(object_id, stored)
        return is_delta

    @property
    def full(self) -> bool:
        """Whether the pack in hand has reached its size and is closed."""
        return bool(self.packs) and self._writer is None

    def add_object(self, kind: int, data: bytes | memoryview | np.ndarray) -> bytes:
        """Store opaque bytes of a kind of `ids` and return their id."""
        object_id = ids.object_id(kind, data)
        if not self.known(object_id):
            raw = np.frombuffer(data, np.uint8)
            unsigned = by_name("uint8")
            stored, _ = self._open().add(
                object_id,
                kind,
                unsigned.code,
                unsigned.width,
                unsigned.kind,
                (raw.size,),
                raw,
                threads=self.store.threads,
            )
            self._keep(object_id, stored)
        return object_id

    def copy(self, reader: _core.PackReader, index: int) -> None:
        """Take over an entry as it is stored, its checksums verified."""
        entry = reader.entry(index)
        self._open().copy(reader, index)
        self._keep(entry.id, entry.stored_bytes)

    def _open(self) -> _core.PackWriter:
        if self._writer is None:
            self._writer_path = self._layout.temporary_pack_path()
            seam.before("write", self._writer_path)
            self._writer = _core.PackWriter(str(self._writer_path), preset=self._preset)
        return self._writer

    def _keep(self, object_id: bytes, stored: int) -> None:
        assert self._writer is not None
        self._pending[object_id] = len(self._pending)
        self.tally.stored_bytes += stored
        if self._writer.bytes >= self._pack_bytes_max:
            self.seal()

    def seal(self) -> None:
        """Close the pack in hand, durably, so that its objects can be read."""
        if self._writer is None or self._writer_path is None:
            return
        writer, path = self._writer, self._writer_path
        seam.before("sync", path)
        name = writer.finish()
        self._writer = None
        final = self._layout.pack_path(name.hex())
        # What is stored anew may come out as a pack that is there, and in use: names tell contents.
        known = files.exists(final)
        # Folder and rename reach the disk together, before any record names the pack.
        files.rename(path, final)
        self.packs.append(name)
        # From here on the pack is this session's to discard; what lay there before was not.
        if not known:
            self._added.append(name)
        files.sync_dir(final.parent)
        for object_id, index in self._pending.items():
            self.places[object_id] = Place(name, index)
        self._pending.clear()

    @property
    def pack_bytes(self) -> int:
        """The size in bytes of the packs sealed so far."""
        paths = (self._layout.pack_path(name.hex()) for name in self.packs)
        return sum(files.file_stat(path).st_size for path in paths)

    def discard(self) -> None:
        """Remove the packs this session added; for a commit that failed before its transaction."""
        self.store.close()
        for name in self._added:
            path = self._layout.pack_path(name.hex())
            if files.exists(path):
                files.remove(path)
        self.packs.clear()
        self._added.clear()
