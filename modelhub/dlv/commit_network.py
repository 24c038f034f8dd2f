"""Decide which network N a new version gets, and store it.

A network that was given or imported is checked against the weights before anything is stored. With
weights alone, the first parent's network is stored again if it fits them (*inherited*); else the
version gets the module tree of its weights (*weights-only*).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modelhub import ids
from modelhub.catalog.records import VersionRecord
from modelhub.dlv.networks import decode_graph
from modelhub.dlv.resolve import format_rev
from modelhub.dlv.snapshots import StoredSnapshot
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, CorruptionError, ModelHubError, UsageError
from modelhub.net import graph_json
from modelhub.net import tree as net_tree
from modelhub.net.clean_names import by_clean_name
from modelhub.net.graph import Network, Tensor, TooLargeError
from modelhub.pas.session import Session
from modelhub.tensors.arrays import TensorSpec

__all__ = ["Draft", "Importer", "NetworkFacts", "Wish", "draft", "misfit", "store"]

Specs = Mapping[str, TensorSpec]
Importer = Callable[[Specs], Network]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a committer says of the network.

    Attributes:
        source: What the importer reads, for messages; empty if it was given in Python.
        importer: Makes the network; is told the names, dtypes and shapes of the weights.
        required: Whether a failure of the importer is one of the commit. Otherwise a network that
            can be inherited comes first, and the commit goes on without one.
        inherit: Whether the parent's network may be used.
    """

    source: str = ""
    importer: Importer | None = None
    required: bool = False
    inherit: bool = True


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What became of the network.

    Attributes:
        how: `imported` (or given), `inherited`, `weights-only`, `kept` (by a copy), or `none`
            (there are no weights).
        nodes: How many nodes it has; None unless it can run.
        source: The file or version it came from; empty if it was given in Python.
        note: Why there is no network that can run, where one was looked for.
    """

    how: str = "none"
    nodes: int | None = None
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A decision made before the writer's lock is taken: the bytes of N if they are settled."""

    wish: Wish
    data: bytes = b""
    nodes: int = 0
    note: str = ""


def draft(
    repo: Repo,
    wish: Wish,
    read_specs: Callable[[], Specs],
    parents: Sequence[VersionRecord],
    on_import: Callable[[str], None] | None = None,
) -> Draft:
    """Check the network that is given, or import one; reads the headers of weights at most.

    Args:
        read_specs: Returns the dtypes and shapes of the last snapshot's tensors by name.
        on_import: Told what takes some seconds, before a file is imported.

    Raises:
        BadInputError: the weights are not those that the network reads, it breaks a rule, or it
            cannot be imported although it is required.
    """
    if wish.importer is None:
        return Draft(wish)
    specs = read_specs()
    if not wish.required and _inherited(repo, parents, specs)[0] is not None:
        return Draft(wish)
    if on_import is not None and wish.source:
        on_import(f"making the network of {wish.source}, for later versions to inherit")
    try:
        return _coded(wish, wish.importer(specs), specs)
    except ModelHubError as error:
        if wish.required and error.kind != "network_limit":
            raise
        return Draft(wish, note=str(error))


def _coded(wish: Wish, network: Network, specs: Specs) -> Draft:
    where = wish.source
    if not network.executable:
        raise BadInputError("the network has no edges, so it cannot run", where=where)
    reason = misfit(network, specs)
    if reason:
        raise BadInputError(
            f"the weights do not fit the network: {reason}",
            expected="every tensor of the network, with its dtype and shape",
            where=where,
            hint="commit the weights of the module that the network was made from",
        )
    try:
        return Draft(wish, graph_json.to_json(network), len(network.nodes))
    except TooLargeError as error:
        return Draft(wish, note=f"the network is too large to keep: {error}")
    except ValueError as error:
        raise BadInputError(f"not a network that can be kept ({error})", where=where) from error


def misfit(network: Network, specs: Specs) -> str:
    """Say why weights are not those of a network, or return an empty text.

    Of tied tensors one is enough; constants are no weights. What the network does not read may be
    there too.
    """
    specs = by_clean_name(specs, (t.name for t in network.tensors if t.role != "constant"))
    groups: dict[str, list[Tensor]] = {}
    for tensor in network.tensors:
        if tensor.role != "constant":
            groups.setdefault(tensor.tied or tensor.name, []).append(tensor)
    for name, group in groups.items():
        there = [tensor.name for tensor in group if tensor.name in specs]
        if not there:
            return f"there is no tensor {name}"
        for found in there:
            spec, wanted = specs[found], group[0]
            if (spec.dtype, tuple(spec.shape)) != (wanted.dtype, wanted.shape):
                return (
                    f"tensor {found} is {spec.dtype} {list(spec.shape)}, not "
                    f"{wanted.dtype} {list(wanted.shape)}"
                )
    return ""


def store(
    repo: Repo,
    session: Session,
    draft: Draft,
    stored: Sequence[StoredSnapshot],
    parents: Sequence[VersionRecord],
) -> tuple[bytes, NetworkFacts]:
    """Store N and return the object's id (empty without weights) and what became of it.

    Raises:
        UsageError: there is a network but there are no weights.
    """
    if not stored:
        if draft.data:
            raise UsageError("a network without weights", expected="the weights too")
        return b"", NetworkFacts()
    wish, tensors = draft.wish, stored[-1].tree.tensors
    if draft.data:
        facts = NetworkFacts("imported", draft.nodes, wish.source)
        return session.add_object(ids.NETWORK, draft.data), facts
    note = draft.note
    if wish.inherit:
        specs = {tensor.name: TensorSpec(tensor.dtype, tensor.shape) for tensor in tensors}
        network, reason = _inherited(repo, parents, specs)
        if network is not None:
            facts = NetworkFacts("inherited", len(network.nodes), format_rev(parents[0]))
            return parents[0].network, facts
        note = note or reason
    rows = [(tensor.name, tensor.dtype, tensor.shape) for tensor in tensors]
    data = net_tree.to_json(net_tree.build(rows))
    return session.add_object(ids.NETWORK, data), NetworkFacts("weights-only", note=note)


def _inherited(
    repo: Repo, parents: Sequence[VersionRecord], specs: Specs
) -> tuple[Network | None, str]:
    """Return the first parent's network if it can run and fits the weights, else why not."""
    if not parents or not parents[0].network:
        return None, ""
    parent = parents[0]
    try:
        network = decode_graph(repo.store.blob(parent.network))
    except CorruptionError as error:
        return None, f"the network of {format_rev(parent)} cannot be read: {error}"
    if network is None or not network.executable:
        return None, ""
    reason = misfit(network, specs)
    if not reason:
        # A tensor that neither the network nor the parent knows is a layer that was added.
        known = {tensor.name for tensor in network.tensors}
        with repo.catalog.read() as txn:
            known |= {tensor.name for tensor in txn.tensors(parent.snapshots[-1].tree)}
        new = sorted(specs.keys() - known)
        reason = f"tensor {new[0]} is new" if new else ""
    if reason:
        return None, f"the network of {format_rev(parent)} does not fit: {reason}"
    return network, ""
