"""What surgery takes and gives: layers to build, and a network with where its weights come from.

A *source* is a network that took part, by its number: 0 is the one that was begun with, then those
stitched to it, in order. A tensor is *kept* if its values are those of a tensor of a source, and
*fresh* if they are made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelhub.net.graph import Network

__all__ = ["Edited", "Fresh", "Layer", "SurgeryError"]


class SurgeryError(ValueError):
    """A network cannot be cut or changed as it was asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer to build.

    Attributes:
        kind: A word of `modelhub.net.kinds`, such as `CONV`.
        name: The name of the new node; empty: one is made up.
        attributes: Those that queries name, such as `kernel`; sizes of its input are not among
            them, since they are those of what it reads.
    """

    kind: str
    name: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fresh:
    """How a tensor is made.

    Attributes:
        rule: `uniform` between -`bound` and `bound`, `normal` with a deviation of 1, `ones` or
            `zeros`; `table` is `normal` with one row of zeros.
        bound: For `uniform`, otherwise 0.
        seed_name: The name that it is drawn for: equal names and seeds give equal values.
        row: The row of zeros of a `table`.
    """

    rule: str
    bound: float
    seed_name: str
    row: int = -1


@dataclass(frozen=True, slots=True)
class Edited:
    """A network that surgery made.

    Attributes:
        network: The network, checked.
        kept: For each tensor that keeps its values, the number of the source network and the
            tensor's name there. Constants are in the network itself and not here.
        fresh: How each other tensor is made.
    """

    network: Network
    kept: Mapping[str, tuple[int, str]]
    fresh: Mapping[str, Fresh]
