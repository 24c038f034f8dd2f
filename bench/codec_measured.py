"""Hold what a measuring process is told to do and what it found."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Measured", "Order"]

MB = 1e6


@dataclass(frozen=True, slots=True)
class Order:
    """Which coders to measure on which input, how many times, and on which cores.

    Attributes:
        level: What MODELHUB_CPU is set to, or empty for the best that the processor has.
    """

    source: str
    coders: list[str]
    threads: int
    runs: int
    cores: list[int]
    level: str = ""


@dataclass(slots=True)
class Measured:
    """What one coder did with one input: sizes in bytes, the seconds of each run, or its failure.

    Attributes:
        tensor_bytes: The size when tensors are coded one by one; 0 if that was not measured.
    """

    source: str
    coder: str
    threads: int
    level: str
    raw_bytes: int
    packed_bytes: int = 0
    tensor_bytes: int = 0
    encode_s: list[float] = field(default_factory=list)
    decode_s: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def saved(self) -> float:
        """Percent of the raw bytes that are gone."""
        return _saved(self.packed_bytes, self.raw_bytes)

    @property
    def tensor_saved(self) -> float:
        """Percent that are gone when tensors are coded one by one."""
        return _saved(self.tensor_bytes, self.raw_bytes)

    @property
    def encode_mb_s(self) -> float:
        """Original megabytes a second of the best run; 0 if there was none."""
        return _speed(self.raw_bytes, self.encode_s)

    @property
    def decode_mb_s(self) -> float:
        """Original megabytes a second of the best run; 0 if there was none."""
        return _speed(self.raw_bytes, self.decode_s)


def _saved(packed: int, raw: int) -> float:
    return 100.0 * (1.0 - packed / raw) if packed else 0.0


def _speed(raw: int, seconds: list[float]) -> float:
    return raw / MB / min(seconds) if seconds else 0.0
