"""Change a network step by step: the operations of `construct`.

A step either does what it says or raises `SurgeryError` and leaves the network as it was. Shapes
are looked at when a step needs them, and all of them in `finish`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelhub.net import graph
from modelhub.net.arguments import Ref
from modelhub.net.graph import Network, Node, Tensor, leaves
from modelhub.net.layers import attributes_of_node
from modelhub.net.surgery import (
    building,
    changing,
    joining,
    regions,
    renaming,
    repeating,
    stitching,
)
from modelhub.net.surgery.draft import Draft, used
from modelhub.net.surgery.edited import Edited, Fresh, Layer, SurgeryError
from modelhub.net.surgery.names import checked, free
from modelhub.net.surgery.passes import shown
from modelhub.net.surgery.shapes import Shapes

__all__ = ["Surgeon"]


class _Chain:
    """Layers made ready: nodes with values, one behind the other."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.tensors: list[tuple[Tensor, Fresh]] = []
        self.result = Ref("")


class Surgeon:
    """A network that is being changed.

    Raises:
        SurgeryError: the network is not executable.
    """

    def __init__(self, network: Network) -> None:
        self._draft = Draft(network)
        self._shapes = Shapes(self._draft)
        self._sources = 1

    def network(self) -> Network:
        """Return the network as it is now; its shapes may not be up to date."""
        return self._draft.network()

    def insert(self, node: str, chain: Sequence[Layer], *, before: bool = False) -> None:
        """Put layers, one behind the other, between a node and all that reads it.

        Args:
            node: The node.
            chain: The layers, the first one nearest to the input.
            before: Put them between what the node reads and the node; others that read the same
                value go on reading it.

        Raises:
            SurgeryError: there is no such node, a layer cannot be built there, or what is meant is
                not clear since the node has several values.
        """
        draft = self._draft
        found = draft.node(node)
        if before:
            reads = self._only(found, "what is put before it")
            made = self._chain(chain, reads)
            self._put(made, before=node)
            draft.redirect(reads, made.result, [node])
            return
        reads = draft.main(found)
        made = self._chain(chain, reads)
        readers = draft.readers(node)
        self._put(made, before=draft.order.following(node))
        draft.redirect(reads, made.result, readers)
        draft.redirect_outputs(reads, made.result)

    def delete(self, node: str) -> None:
        """Take a node out; what read it reads what it read.

        Raises:
            SurgeryError: it reads several values that depend on the input, or gives another form
                than it reads.
        """
        draft = self._draft
        found = draft.node(node)
        reads = self._only(found, "what should stand in its place")
        gives = draft.main(found)
        before, after = self._shapes.value(reads), self._shapes.value(gives)
        if not joining.same_form(before, after):
            raise SurgeryError(
                f"{node} ({found.kind}) reads {shown(before)} and gives {shown(after)}, so what "
                "reads it cannot read what is before it; replace it by a layer that fits"
            )
        others = [ref for ref in self._read_of(node) if ref != gives]
        if others:
            raise SurgeryError(f"{node} gives several values that are read")
        draft.redirect(gives, reads)
        draft.remove([node], keep=reads.node)

    def replace(self, nodes: Sequence[str], chain: Sequence[Layer]) -> None:
        """Put layers in the place of one node, or of several that hang together.

        The new layers have fresh weights. If one node is replaced by one layer, the layer has its
        name unless it says another, and if it is of the same kind, its attributes, but for those
        that it gives itself.

        Raises:
            SurgeryError: more than one value goes into the nodes or comes out of them, or a layer
                cannot be built there.
        """
        draft = self._draft
        found = regions.region(draft, nodes)
        leaving = self._leaving(found)
        layers = list(chain)
        if len(found.nodes) == 1 and len(layers) == 1:
            layers = [self._like(draft.nodes[found.nodes[0]], layers[0])]
        made = self._chain(layers, found.reads, leaving)
        place = draft.order.following(found.nodes[-1])
        # A value that stands in until the old nodes are gone, so that names can be used again.
        stand_in = Ref("\0")
        draft.add_input(stand_in.node, draft.value(found.result))
        draft.redirect(found.result, stand_in)
        draft.remove(reversed(found.nodes), keep=found.reads.node)
        self._put(made, before=place)
        draft.redirect(stand_in, made.result)
        draft.remove_input(stand_in.node)

    def rename(self, names: Mapping[str, str]) -> None:
        """Give nodes other names, all at once, so that two can change names.

        The module of a node, the tensors below it and the nodes below it go with it.

        Raises:
            SurgeryError: there is no such node, a new name is none, or two things would have one.
        """
        for old in names:
            self._draft.node(old)
        for new in names.values():
            self._shapes.check_words(str(new))
        made = renaming.renamed(self._draft.network(), names)
        self._draft.reload(made.network, made.nodes, made.tensors)

    def delete_edge(self, node: str, reader: str) -> None:
        """Take out the edge from a node to one that joins values: an ADD, MUL or CAT.

        An ADD or MUL becomes its other operand; a CAT loses a value, and the layers behind it that
        have a size for its channels get fresh weights. The branch that ends there goes, if nothing
        else reads it. Activations and views may lie between the two nodes.

        Raises:
            SurgeryError: there is no such edge, or the reader cannot do without it.
        """
        joining.delete_edge(self._draft, self._shapes, node, reader)
        self._shapes.refresh()

    def repeat(self, nodes: Sequence[str], times: int) -> None:
        """Have nodes that hang together `times` times, one behind the other.

        If all the nodes are below one module `P`, the copies are below `P_2`, `P_3`, ...; otherwise
        each node `NAME` has copies `NAME_2`, `NAME_3`, ... Their tensors begin with the values of
        the originals and are their own.

        Raises:
            SurgeryError: the nodes do not hang together, or give another form than they read.
        """
        repeating.repeat(self._draft, self._shapes, nodes, times)

    def stitch(self, node: str, other: Network, reader: str) -> None:
        """Let the part of another network from `reader` on go on from the output of `node`.

        What this network computes behind `node` goes, and so does what the other computes before
        `reader`. Inputs of the other network that its part needs are shared with those of this one
        by name, or added. Names that clash get `_2` (or the next number) behind them. The other
        network is the next source: 1 for the first network stitched.

        Raises:
            SurgeryError: there are no such nodes, the shapes do not fit, or the part needs more of
                the other network than one value and its inputs.
        """
        stitching.stitch(self._draft, self._shapes, node, other, reader, self._sources)
        self._sources += 1

    def change(self, node: str, attribute: str, value: Any) -> None:
        """Give an attribute of a node another value.

        Weights whose shape changes become fresh. If `out` of a CONV, FULL or EMBED changes, the
        layers behind it that have a size for its channels follow, through whatever lies between.
        Nothing else follows: another kernel or stride may need another padding, or `in` of a layer
        behind.

        Raises:
            SurgeryError: there is no such node, the attribute cannot be changed, or not to this.
        """
        changing.change(self._draft, node, attribute, value)
        if self._draft.grown:
            # What follows is to be seen by what looks at the network next.
            self._shapes.refresh()

    def freeze(self, nodes: Sequence[str], *, frozen: bool = True) -> None:
        """Keep the parameters of nodes, or of all if there are none, from being trained.

        Args:
            nodes: The nodes; a tensor that others read too is frozen for them as well.
            frozen: False lets them be trained again.

        Raises:
            SurgeryError: there is no such node.
        """
        draft = self._draft
        named = [name for node in nodes for name in draft.node(node).parameters]
        before, after = ("parameter", "frozen") if frozen else ("frozen", "parameter")
        for name in dict.fromkeys(named) if nodes else list(draft.tensors):
            for other in draft.tied(name):
                if draft.tensors[other].role == before:
                    draft.set_role(other, after)

    def append(self, chain: Sequence[Layer]) -> None:
        """Put layers between the value that the network returns and the output.

        Raises:
            SurgeryError: it returns several values, or a layer cannot be built there.
        """
        draft = self._draft
        outputs = dict.fromkeys(leaf for leaf in leaves(draft.outputs) if isinstance(leaf, Ref))
        if len(outputs) != 1:
            raise SurgeryError(
                f"the network returns {len(outputs)} values; insert behind the node that is meant"
            )
        (reads,) = outputs
        made = self._chain(chain, reads)
        self._put(made, before="")
        draft.redirect_outputs(reads, made.result)

    def prepend(self, chain: Sequence[Layer]) -> None:
        """Put layers between the input and what reads it.

        Raises:
            SurgeryError: the network has several inputs, or a layer cannot be built there.
        """
        draft = self._draft
        if len(draft.inputs) != 1:
            raise SurgeryError(
                f"the network has the inputs {', '.join(draft.inputs)}; insert before the node "
                "that is meant"
            )
        (name,) = draft.inputs
        readers = draft.readers(name)
        made = self._chain(chain, Ref(name))
        self._put(made, before=draft.order.following(""))
        draft.redirect(Ref(name), made.result, readers)
        draft.redirect_outputs(Ref(name), made.result)

    def finish(self) -> Edited:
        """Return the network, checked, with new shapes where they changed.

        Raises:
            SurgeryError: shapes do not fit, or the network breaks a rule.
        """
        self._shapes.check()
        network = self._draft.network()
        try:
            graph.check(network)
        except ValueError as error:
            raise SurgeryError(f"the network would break a rule: {error}") from error
        return Edited(network, dict(self._draft.kept), dict(self._draft.fresh))

    def _only(self, node: Node, purpose: str) -> Ref:
        """Return the one value that a node reads and that depends on the input."""
        carried = self._draft.carried(node)
        if len(carried) == 1:
            return carried[0]
        if not carried:
            raise SurgeryError(f"{node.name} reads nothing that depends on the input")
        raise SurgeryError(
            f"{node.name} ({node.kind}) reads {len(carried)} values, "
            f"{', '.join(ref.node for ref in carried)}, so it is not clear {purpose}"
        )

    def _read_of(self, name: str) -> list[Ref]:
        draft = self._draft
        found = [ref for reader in draft.readers(name) for ref in draft.reads(reader)]
        found += [leaf for leaf in leaves(draft.outputs) if isinstance(leaf, Ref)]
        return [ref for ref in found if ref.node == name]

    def _chain(
        self, layers: Sequence[Layer], reads: Ref, leaving: frozenset[str] = frozenset()
    ) -> _Chain:
        """Make layers ready that go on from a value; nothing is changed yet."""
        if not layers:
            raise SurgeryError("there are no layers to put there")
        draft, made = self._draft, _Chain()
        value = self._shapes.value(reads)
        dtype = next((t.dtype for t in draft.tensors.values() if "float" in t.dtype), "float32")
        given: set[str] = set()
        for layer in layers:
            if layer.name:
                name = checked(draft, layer.name, leaving=leaving)
                self._shapes.check_words(name)
                if name in given:
                    raise SurgeryError(f"two layers are called {name!r}")
            else:
                name = free(draft, layer.kind.lower(), also=frozenset(given))
            built = building.build(layer, name, reads, value, dtype)
            given.update(node.name for node in built.nodes)
            given.add(name)
            made.tensors += built.tensors
            nodes = [*made.nodes, *built.nodes]
            tensors = {tensor.name: tensor for tensor, _ in made.tensors}
            values = self._shapes.outcome(nodes, tensors)
            made.nodes = [replace(n, values=v) for n, v in zip(nodes, values, strict=True)]
            reads = made.result = built.result
            by_name = {node.name: node for node in made.nodes}
            value = by_name[reads.node].values[reads.index or 0]
        return made

    def _put(self, made: _Chain, *, before: str) -> None:
        for tensor, fresh in made.tensors:
            self._draft.add_tensor(tensor, fresh=fresh)
        for node in made.nodes:
            self._draft.put(node, before=before)

    def _leaving(self, found: regions.Region) -> frozenset[str]:
        """Return the names that are free once a region is gone."""
        draft = self._draft
        counts: dict[str, int] = {}
        for name in found.nodes:
            for tensor in used(draft.nodes[name]):
                counts[tensor] = counts.get(tensor, 0) + 1
        stays = {
            tensor.rpartition(".")[0]
            for tensor, count in counts.items()
            if any(
                draft.tensor_readers(other) > counts.get(other, 0) for other in draft.tied(tensor)
            )
        }
        return frozenset(name for name in found.nodes if name not in stays)

    def _like(self, old: Node, layer: Layer) -> Layer:
        known = attributes_of_node(old, self._draft.tensors) if layer.kind == old.kind else {}
        _, allowed = building.BUILDABLE.get(layer.kind, (None, ()))
        taken = {key: value for key, value in known.items() if key in allowed}
        # A pool over everything has no kernel, and one with a kernel is not over everything.
        if "kernel" in layer.attributes:
            taken.pop("global", None)
        if layer.attributes.get("global"):
            taken = {"mode": taken.get("mode")}
        return replace(layer, name=layer.name or old.name, attributes={**taken, **layer.attributes})
