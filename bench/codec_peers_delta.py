"""Adapt the ways to code an array as the difference from another: two naive ones and the peers'."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.codec_coder import Coder, Task, raw, unsigned
from bench.codec_data import Array
from bench.codec_peers_float import Lmzip, Z4ai, Zipnn
from bench.codec_peers_general import BloscShuffle

__all__ = ["DELTA", "NaiveSubtract", "NaiveXor"]

# Values a piece, so that the steps of a naive difference stay in the cache.
_PIECE = 1 << 16
_SAFETENSORS_NAMES = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
_MOONCLIP_NAMES = {"float32": "float32", "bfloat16": "bfloat16", "float16": "float16"}


class NaiveXor(BloscShuffle):
    """XOR of the bits, byte shuffle, zstd 1: what most tools do."""

    name = "XOR + blosc2 shuffle + zstd 1"
    delta = True

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._base = unsigned(task.need_base())
        self._between = np.empty_like(self._base)

    def encode(self, source: Any) -> Any:
        """XOR into a warm buffer and compress that."""
        np.bitwise_xor(unsigned(source), self._base, out=self._between)
        return self.pack(self._between)

    def decode(self, blob: Any) -> Any:
        """Decompress into a warm buffer and XOR from there."""
        self.unpack(blob, self._between)
        np.bitwise_xor(self._between, self._base, out=unsigned(self.out))
        return self.out


class NaiveSubtract(NaiveXor):
    """Subtract as integers in the order of the values, zigzag, byte shuffle, zstd 1."""

    name = "subtract + blosc2 shuffle + zstd 1"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._signed = np.dtype(f"i{task.width}")
        self._top = np.array(8 * task.width - 1, self._signed)
        self._float = task.data.dtype.kind not in "iu"

    def _turned(self, bits: Array) -> Array:
        """Map the bits of floats to signed integers in the same order, or back."""
        values = bits.view(self._signed)
        if not self._float:
            return values
        # All bits but the sign are flipped where the sign is set.
        magnitude = ~(np.array(1, self._signed) << self._top)
        turned: Array = values ^ ((values >> self._top) & magnitude)
        return turned

    def encode(self, source: Any) -> Any:
        """Subtract piece by piece and compress the whole."""
        for start in range(0, len(self._base), _PIECE):
            piece = slice(start, start + _PIECE)
            step = self._turned(unsigned(source)[piece]) - self._turned(self._base[piece])
            self._between[piece] = unsigned((step << 1) ^ (step >> self._top))
        return self.pack(self._between)

    def decode(self, blob: Any) -> Any:
        """Decompress the whole and add piece by piece."""
        self.unpack(blob, self._between)
        one = np.array(1, self._base.dtype)
        for start in range(0, len(self._base), _PIECE):
            piece = slice(start, start + _PIECE)
            folded = self._between[piece]
            step = (folded >> one).view(self._signed) ^ -(folded & one).view(self._signed)
            found = self._turned(step + self._turned(self._base[piece]))
            unsigned(self.out)[piece] = unsigned(found)
        return self.out


class ZipnnDelta(Zipnn):
    """zipnn's own difference, an XOR."""

    name = "zipnn delta"
    delta = True
    settings = {"delta_compressed_type": "byte"}  # noqa: RUF012 (as its parent declares it)

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._base = raw(task.need_base()).tobytes()

    def encode(self, source: Any) -> Any:
        """Compress beside the base."""
        return self._zipnn.compress(source, delta_second_data=self._base)

    def decode(self, blob: Any) -> Any:
        """Give new bytes."""
        return self._zipnn.decompress(blob, delta_second_data=self._base)


class LmzipDelta(Lmzip):
    """lmzip's own difference, an XOR, chunk by chunk."""

    name = "lmzip delta"
    delta = True

    def encode(self, source: Any) -> Any:
        """Code each chunk against its twin in the base."""
        base = self.task.need_base()

        def work(number: int) -> Any:
            parts, flags, check = self._lmz.encode_delta(
                self.piece(source, number),
                self.piece(base, number),
                self.task.width,
                kind=self._kind,
            )
            return b"".join(parts), flags, check

        return self.each(work)

    def decode(self, blob: Any) -> Any:
        """Decode each chunk on its twin."""
        base = self.task.need_base()

        def work(number: int) -> None:
            payload, flags, check = blob[number]
            target = self.piece(self.out, number)
            target[:] = self._lmz.decode_delta(
                payload, self.task.width, flags, len(target), self.piece(base, number), check
            )

        self.each(work)
        return self.out


class Z4aiDelta(Z4ai):
    """z4ai's own difference, an XOR; it hashes the base each time."""

    name = "z4ai delta"
    delta = True

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._base = raw(task.need_base()).tobytes()

    def encode(self, source: Any) -> Any:
        """Compress against the base."""
        return self._z4ai.compress_delta(source, self._base, **self.settings())

    def decode(self, blob: Any) -> Any:
        """Give new bytes."""
        return self._z4ai.decompress_delta(blob, self._base)


class Moonclip(Coder):
    """moonclip's store, in memory as far as the machine has a place for that."""

    name = "moonclip delta"
    module = "moonclip"
    delta = True
    dtypes = tuple(_MOONCLIP_NAMES)

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        memory = Path("/dev/shm")
        self._folder = tempfile.mkdtemp(dir=memory if memory.is_dir() else None)
        self._store = self.package().MoonclipManager(
            self._folder,
            async_save=False,
            max_deltas_per_full=1000,
            full_every_steps=1000,
            merge_max_chain=1000,
        )
        self._steps = 0
        self._save(raw(task.need_base()).tobytes())

    def _save(self, values: bytes) -> Any:
        self._steps += 1
        tensor = ([len(self.task.data)], _MOONCLIP_NAMES[self.task.dtype], values)
        return self._store.save_tensors(self._steps, {"values": tensor})

    def fresh(self) -> Any:
        """Give bytes, which it wants."""
        return raw(self.task.data).tobytes()

    def encode(self, source: Any) -> Any:
        """Save a step after the base."""
        return self._save(source)

    def decode(self, blob: Any) -> Any:
        """Load the step."""
        return self._store.load(blob)["values"]

    def size(self, blob: Any) -> int:
        """Return what the store says of the tensor."""
        return int(self._store.describe(blob)["tensors"][0]["compressed_size"])

    def close(self) -> None:
        """Remove the store."""
        shutil.rmtree(self._folder, ignore_errors=True)


class Reminis(Coder):
    """reminis's coder of one tensor; its store is a database around it."""

    name = "reminis delta"
    module = "reminis.diff"
    delta = True
    dtypes = tuple(_SAFETENSORS_NAMES)

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._reminis = self.package()
        self._base = raw(task.need_base()).tobytes()
        self._dtype = _SAFETENSORS_NAMES[task.dtype]

    def fresh(self) -> Any:
        """Give bytes, which it wants."""
        return raw(self.task.data).tobytes()

    def encode(self, source: Any) -> Any:
        """Code a tensor against the base's."""
        return self._reminis._encode_delta(self._base, source, self._dtype)

    def decode(self, blob: Any) -> Any:
        """Give new bytes."""
        encoding, payload = blob
        return self._reminis._decode_tensor(encoding, payload, self._base, self._dtype, "values")

    def size(self, blob: Any) -> int:
        """Return the bytes of the payload."""
        return len(blob[1])


DELTA: tuple[type[Coder], ...] = (
    NaiveSubtract,
    NaiveXor,
    ZipnnDelta,
    LmzipDelta,
    Z4aiDelta,
    Moonclip,
    Reminis,
)
