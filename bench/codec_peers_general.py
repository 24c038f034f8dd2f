"""Adapt coders that know bytes and their shuffling: memcpy, lz4, zstd, blosc2."""

from __future__ import annotations

from typing import Any, ClassVar

import lz4.block
import numpy as np
import zstandard

from bench.codec_coder import Coder, Task, raw

__all__ = ["GENERAL", "Blosc2", "BloscBitshuffle", "BloscShuffle"]


class Memcpy(Coder):
    """The ceiling: a copy from one warm buffer to another."""

    name = "memcpy"

    def encode(self, source: Any) -> Any:
        """Copy there."""
        np.copyto(self.out, source)
        return self.out.nbytes

    def decode(self, blob: Any) -> Any:  # noqa: ARG002 (there is no blob)
        """Copy back."""
        np.copyto(self.out, self.task.data)
        return self.out

    def size(self, blob: Any) -> int:
        """Return as many bytes as there were."""
        return int(blob)


class Lz4(Coder):
    """lz4 at its default."""

    name = "lz4"

    def encode(self, source: Any) -> Any:
        """Compress the bytes."""
        return lz4.block.compress(raw(source))

    def decode(self, blob: Any) -> Any:
        """Give new bytes."""
        return lz4.block.decompress(blob)


class _Zstd(Coder):
    level: ClassVar[int]
    threaded = True

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        # 0 is the plain single-threaded way; 1 would start one thread beside this one.
        threads = task.threads if task.threads > 1 else 0
        self._packer = zstandard.ZstdCompressor(level=self.level, threads=threads)
        self._unpacker = zstandard.ZstdDecompressor()

    def encode(self, source: Any) -> Any:
        """Compress the bytes; only this side uses threads."""
        return self._packer.compress(raw(source).data)

    def decode(self, blob: Any) -> Any:
        """Give new bytes."""
        return self._unpacker.decompress(blob)


class Zstd1(_Zstd):
    """zstd, level 1."""

    name = "zstd 1"
    level = 1


class Zstd3(_Zstd):
    """zstd, level 3, its default."""

    name = "zstd 3"
    level = 3


class Blosc2(Coder):
    """blosc2 with a filter and a coder."""

    module = "blosc2"
    threaded = True
    codec: ClassVar[str]
    level: ClassVar[int]
    shuffle: ClassVar[str]

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._blosc = self.package()
        self._blosc.set_nthreads(task.threads)
        self._settings = {
            "codec": getattr(self._blosc.Codec, self.codec),
            "clevel": self.level,
            "filters": [getattr(self._blosc.Filter, self.shuffle)],
            "filters_meta": [0],
            "typesize": task.width,
            "nthreads": task.threads,
        }

    def pack(self, array: Any) -> Any:
        """Compress the bytes of an array."""
        return self._blosc.compress2(raw(array), **self._settings)

    def unpack(self, blob: Any, out: Any) -> None:
        """Decompress into an array."""
        self._blosc.decompress2(blob, dst=raw(out), nthreads=self.task.threads)

    def encode(self, source: Any) -> Any:
        """Compress the bytes."""
        return self.pack(source)

    def decode(self, blob: Any) -> Any:
        """Fill the warm buffer."""
        self.unpack(blob, self.out)
        return self.out


class BloscShuffle(Blosc2):
    """The usual choice for arrays of numbers."""

    name = "blosc2 shuffle + zstd 1"
    codec = "ZSTD"
    level = 1
    shuffle = "SHUFFLE"


class BloscBitshuffle(Blosc2):
    """The fast choice."""

    name = "blosc2 bitshuffle + lz4"
    codec = "LZ4"
    level = 5
    shuffle = "BITSHUFFLE"


GENERAL: tuple[type[Coder], ...] = (BloscShuffle, BloscBitshuffle, Zstd1, Zstd3, Lz4, Memcpy)
