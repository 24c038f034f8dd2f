"""Bit strings and gamma codes: the conventions of docs/formats/pack.md."""

from __future__ import annotations

import numpy as np


class Refused(Exception):
    """What is read breaks a rule of the documents."""


def refuse_unless(good: bool, what: str) -> None:
    if not good:
        raise Refused(what)


class BitString:
    """Reads numbers from the lowest bit of the first byte up."""

    def __init__(self, data: bytes) -> None:
        self.bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        self.at = 0

    def number(self, count: int) -> int:
        refuse_unless(self.at + count <= self.bits.size, "a bit string that ends early")
        taken = self.bits[self.at : self.at + count]
        self.at += count
        return sum(int(bit) << i for i, bit in enumerate(taken))

    def gamma(self) -> int:
        zeros = 0
        while self.number(1) == 0:
            zeros += 1
            refuse_unless(zeros <= 16, "a gamma code of more than 16 zeros")
        return (1 << zeros) + self.number(zeros)

    def bytes_used(self) -> int:
        return -(-self.at // 8)


def bytes_of(count: int, width: int) -> int:
    """Length of a bit string of `count` numbers of `width` bits."""
    return -(-count * width // 8)


def numbers(data: bytes, count: int, width: int) -> np.ndarray:
    """The numbers of `width` bits each in a bit string."""
    return ragged(data, np.full(count, width, np.int64))


def ragged(data: bytes, widths: np.ndarray) -> np.ndarray:
    """The numbers of these widths in a bit string; no bits are the number 0."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").astype(np.int64)
    refuse_unless(int(widths.sum()) <= bits.size, "a bit string that ends early")
    begins = np.cumsum(widths) - widths
    result = np.zeros(widths.size, np.int64)
    for bit in range(int(widths.max(initial=0))):
        wide = widths > bit
        result[wide] |= bits[begins[wide] + bit] << bit
    return result
