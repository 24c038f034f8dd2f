"""Define what a measured coder is: one class per coder, one instance per task.

A *task* is one flat array to be coded, alone or as the difference from a base of the same length. A
coder says in its class what it takes, and does three things: make a fresh input (never timed),
encode, decode.
"""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.codec_data import Array

__all__ = ["ORDERED", "Coder", "Task", "raw", "same", "unsigned"]

# Sign, mantissa and exponent make floats of these; peers know no others.
ORDERED = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Task:
    """A flat array of one dtype, its base if a difference is coded, and the threads allowed."""

    data: Array
    base: Array | None = None
    threads: int = 1

    @property
    def dtype(self) -> str:
        """The name of the dtype, as numpy and ml_dtypes write it."""
        return self.data.dtype.name

    @property
    def width(self) -> int:
        """Bytes of one value."""
        return self.data.dtype.itemsize

    def need_base(self) -> Array:
        """Return the base of a task that has one."""
        if self.base is None:
            raise ValueError("this coder codes differences, and the task has no base")
        return self.base


def raw(array: Array) -> Array:
    """View a flat array as its bytes, since arrays of ml_dtypes have no buffer protocol."""
    return array.view(np.uint8)


def unsigned(array: Array) -> Array:
    """View a flat array as unsigned integers of its width; no copy."""
    return array.view(np.dtype(f"u{array.dtype.itemsize}"))


def same(found: Any, expected: Array) -> bool:
    """Whether what a decoder gave is the array, byte for byte."""
    given = raw(found.reshape(-1)) if isinstance(found, np.ndarray) else np.frombuffer(found, "u1")
    return np.array_equal(given, raw(expected))


class Coder(ABC):
    """One coder bound to one task.

    Attributes:
        name: As it is shown in the tables.
        module: What must be importable; empty for what the environment always has.
        delta: Whether it codes differences; otherwise it codes arrays alone.
        threaded: Whether more than one thread changes what it does.
        dtypes: The names it takes; empty for all.
    """

    name: ClassVar[str]
    module: ClassVar[str] = ""
    delta: ClassVar[bool] = False
    threaded: ClassVar[bool] = False
    dtypes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, task: Task) -> None:
        self.task = task
        # What decoders that write into a caller's buffer are given, warm after the first time.
        self.out = np.empty_like(task.data)

    @classmethod
    def installed(cls) -> bool:
        """Whether its package is there; nothing is imported."""
        return not cls.module or importlib.util.find_spec(cls.module.partition(".")[0]) is not None

    @classmethod
    def takes(cls, dtype: str) -> bool:
        """Whether it codes arrays of this dtype."""
        return not cls.dtypes or dtype in cls.dtypes

    @classmethod
    def package(cls) -> Any:
        """Import its module. Peers are optional and have no types, so this is not at the top."""
        return importlib.import_module(cls.module)

    def fresh(self) -> Any:
        """Return the input in the form the coder wants; not timed, and made anew for each run."""
        return self.task.data

    @abstractmethod
    def encode(self, source: Any) -> Any:
        """Compress a fresh input."""

    @abstractmethod
    def decode(self, blob: Any) -> Any:
        """Return the bytes of the array, in a buffer of any kind."""

    def size(self, blob: Any) -> int:
        """Return the bytes that `encode` made."""
        return len(blob)

    def close(self) -> None:  # noqa: B027 (most coders have nothing to let go)
        """Let go of what lies outside this process's memory."""
