"""Read the network of a version with what it costs: what `desc` and `diff` show of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelhub.catalog.records import VersionRecord
from modelhub.dlv.networks import network_of
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError
from modelhub.net.flops import Costs, costs
from modelhub.net.graph import Network
from modelhub.net.layers import attributes_of
from modelhub.net.sizes import free_sizes

__all__ = ["Architecture", "architecture", "parse_sizes"]

_SIZE = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63})=([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network and its costs; without edges it was made from the weights alone.

    `attributes` has those of each node by the words that queries use (`kernel`, `stride`, ...).
    """

    network: Network
    costs: Costs
    attributes: Mapping[str, Mapping[str, Any]]

    @property
    def free(self) -> Mapping[str, str]:
        """The free sizes, each with where it stands, such as `x[0]`."""
        return free_sizes(self.network)


def parse_sizes(texts: Sequence[str]) -> dict[str, int]:
    """Read sizes as they are typed, `s0=8`.

    Raises:
        UsageError: one is not of that form.
    """
    found = {}
    for text in texts:
        match = _SIZE.fullmatch(text)
        if match is None:
            raise UsageError(f"--size {text!r}", expected="NAME=NUMBER, such as s0=8")
        found[match[1]] = int(match[2])
    return found


def architecture(
    repo: Repo, version: VersionRecord, sizes: Mapping[str, int] | None = None
) -> Architecture:
    """Return the network of a version and its costs.

    Args:
        sizes: Numbers for free sizes, in place of the default ones; those that it lacks are left.

    Raises:
        CorruptionError: the stored network is damaged.
    """
    network = network_of(repo, version)
    return Architecture(network, costs(network, sizes), attributes_of(network))
