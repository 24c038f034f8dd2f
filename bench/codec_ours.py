"""Adapt our own codec: each preset alone and as a difference, one call for a whole array."""

from __future__ import annotations

from typing import Any, ClassVar

from bench.codec_coder import Coder, Task
from bench.codec_data import Array

__all__ = ["OURS", "OURS_DELTA", "PRESETS", "Ours", "coder_name"]

PRESETS = ("fast", "default", "dense")


class Ours(Coder):
    """The codec with one of its presets."""

    module = "modelhub.codec"
    threaded = True
    preset: ClassVar[str]

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._codec = self.package()

    @classmethod
    def tensor_bytes(cls, tensors: list[Array], bases: list[Array] | None) -> int:
        """Return the bytes of tensors that are coded one by one, as a repository does."""
        codec = cls.package()
        if bases is None:
            return sum(len(codec.encode(tensor, preset=cls.preset)) for tensor in tensors)
        return sum(
            len(codec.encode_delta(tensor, base, preset=cls.preset))
            for tensor, base in zip(tensors, bases, strict=True)
        )

    def encode(self, source: Any) -> Any:
        """Encode the array."""
        return self._codec.encode(source, preset=self.preset, threads=self.task.threads)

    def decode(self, blob: Any) -> Any:
        """Fill the warm array."""
        self._codec.decode(blob, out=self.out, threads=self.task.threads)
        return self.out


class _OursDelta(Ours):
    delta = True

    def encode(self, source: Any) -> Any:
        """Encode the array as the difference from its base."""
        base = self.task.need_base()
        threads = self.task.threads
        return self._codec.encode_delta(source, base, preset=self.preset, threads=threads)

    def decode(self, blob: Any) -> Any:
        """Fill the warm array from the base and the difference."""
        base, threads = self.task.need_base(), self.task.threads
        self._codec.decode_delta(blob, base, out=self.out, threads=threads)
        return self.out


def coder_name(preset: str, *, delta: bool = False) -> str:
    """Return how a preset of ours is called in the tables."""
    return f"modelhub {preset} delta" if delta else f"modelhub {preset}"


def _made(parent: type[Ours], preset: str) -> type[Ours]:
    name = coder_name(preset, delta=parent.delta)
    return type(f"{parent.__name__}{preset}", (parent,), {"name": name, "preset": preset})


OURS: tuple[type[Ours], ...] = tuple(_made(Ours, preset) for preset in PRESETS)
OURS_DELTA: tuple[type[Ours], ...] = tuple(_made(_OursDelta, preset) for preset in PRESETS)
