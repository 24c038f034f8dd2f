"""Read the network N of a version, in either of its formats, and make a module of it.

Format 1 is the module tree of a version that was committed as weights alone; format 2 is the graph.
Both have one way to be written, so the first bytes tell which is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelhub.catalog.records import SnapshotRecord, VersionRecord
from modelhub.dlv.resolve import format_rev
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import weights_counted
from modelhub.errors import BadInputError, CorruptionError
from modelhub.net import from_weights, graph_json
from modelhub.net import module as modules
from modelhub.net import tree as net_tree
from modelhub.net.graph import Network
from modelhub.net.tree import ModuleTree

__all__ = [
    "Loaded",
    "decode",
    "decode_graph",
    "decode_tree",
    "load",
    "module_of",
    "network_of",
    "tree_of",
]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network with its torch module, and the compressed bytes read from packs for the weights."""

    network: Network
    module: Any
    bytes_read: int


_TREE_STARTS = b'{"format":1,'


def network_of(repo: Repo, version: VersionRecord) -> Network:
    """Return the network of a version.

    One that was committed as weights alone has nodes without edges; one without weights has an
    empty network. Both have `executable` False.

    Raises:
        CorruptionError: the stored network is damaged, or of a newer format.
    """
    if not version.network:
        return Network({}, (), (), executable=False)
    try:
        return decode(repo.store.blob(version.network))
    except CorruptionError as error:
        raise _of_version(error, version) from error


def tree_of(repo: Repo, version: VersionRecord) -> ModuleTree:
    """Return the module tree of a version: that of its stored tensors, constants left out.

    Raises:
        CorruptionError: the stored network is damaged, or of a newer format.
    """
    if not version.network:
        return net_tree.build(())
    try:
        return decode_tree(repo.store.blob(version.network))
    except CorruptionError as error:
        raise _of_version(error, version) from error


def decode(data: bytes) -> Network:
    """Read a network object of either format.

    Raises:
        CorruptionError: it is damaged, or of a newer format.
    """
    if data.startswith(_TREE_STARTS):
        return from_weights(net_tree.from_json(data).records)
    return graph_json.from_json(data)


def decode_graph(data: bytes) -> Network | None:
    """Read a network object; None if it is of format 1, which has no edges.

    Raises:
        CorruptionError: it is damaged, or of a newer format.
    """
    return None if data.startswith(_TREE_STARTS) else graph_json.from_json(data)


def decode_tree(data: bytes) -> ModuleTree:
    """Read the module tree of a network object of either format.

    Raises:
        CorruptionError: it is damaged, or of a newer format.
    """
    if data.startswith(_TREE_STARTS):
        return net_tree.from_json(data)
    tensors = graph_json.from_json(data).tensors
    return net_tree.build((t.name, t.dtype, t.shape) for t in tensors if t.role != "constant")


def module_of(repo: Repo, version: VersionRecord, snapshot: SnapshotRecord | None) -> Any:
    """Return a torch module of the version's network with the weights of one of its snapshots.

    It is in eval mode; ties hold. No code but torch's own runs.

    Raises:
        BadInputError: the version was committed as weights alone, or the snapshot's weights are not
            those that the network reads (another dtype, say).
        CorruptionError: the network or a weight is damaged.
        ModelHubError: kind `missing_extra`, torch is not installed.
    """
    return load(repo, version, snapshot).module


def load(repo: Repo, version: VersionRecord, snapshot: SnapshotRecord | None) -> Loaded:
    """Return what `module_of` does, with the network and the bytes that were read; raises alike."""
    network = network_of(repo, version)
    arrays, count = ({}, 0) if snapshot is None else weights_counted(repo, snapshot.tree)
    try:
        return Loaded(network, modules.build(network, arrays), count)
    except BadInputError as error:
        where = format_rev(version) + (f"#{snapshot.label}" if snapshot is not None else "")
        raise BadInputError(
            error.found,
            expected=error.expected,
            where=f"{where}: {error.where}" if error.where else where,
            hint=error.hint,
            kind=error.kind,
        ) from error


def _of_version(error: CorruptionError, version: VersionRecord) -> CorruptionError:
    return CorruptionError(
        error.found,
        expected=error.expected,
        where=f"the network of {format_rev(version)}",
        hint=error.hint,
        kind=error.kind,
    )
