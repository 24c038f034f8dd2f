"""Plan a bounds pass: a network as a list of steps, with all done that weights alone decide.

Each value has a *form*: the exact float64 values of an input, *ends* (`modelhub.progressive.ends`),
or what the rules of `modelhub.progressive.rules` take and give. Layers, batch norms after them,
pools, activations and sums that are common in networks for images have steps on ends; every other
node keeps its rule.

Steps on ends do not look for overflow. Instead the largest magnitude that any program can meet in
them is worked out from the weights, for inputs up to `INPUT_MAX`; if it is too large, there is no
plan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from modelhub.net.arguments import Training, Weight, references
from modelhub.net.graph import Network, Node
from modelhub.net.ops import find
from modelhub.optional import require
from modelhub.progressive.ends import Affine, Layer, for_ends, for_points
from modelhub.progressive.intervals import Interval
from modelhub.progressive.nodes import (
    AVERAGES,
    FLAT,
    MONOTONE,
    SAME,
    STATISTICS,
    folded,
    gives_positive,
    layer_of,
    literal,
    literals,
    reads_one,
    source_of,
    with_literals,
)
from modelhub.progressive.runs import (
    average,
    concatenated,
    flat,
    general,
    packed,
    produced,
    signed,
    summed,
)

__all__ = [
    "ENDS",
    "EXACT",
    "INPUT_MAX",
    "OTHER",
    "Part",
    "Plan",
    "Step",
    "TooLargeError",
    "make_plan",
]

torch: Any = require("torch", "torch")

EXACT, ENDS, OTHER = "exact", "ends", "other"
INPUT_MAX = 1e12
_REACH_MAX = 1e280
# Numbers in the weights of both ends, of all layers together: 1 GiB. Layers beyond keep the rule.
_COEFFICIENTS_MAX = 1 << 27
# Bytes of the operands of a convolution, put in rows, that a CPU should have at a time.
_STEP_BYTES = 2 << 20
# Inputs of a batch that linear layers take at a time; their weights are read for each.
_ROWS = 512

_PRODUCTS = ("linear", "conv1d", "conv2d", "conv3d")


class TooLargeError(Exception):
    """A value may be too large for a plan."""


class Step(NamedTuple):
    """One step: what it does, where its operands and result are, what nobody reads after it.

    Attributes:
        kind: `product`, `relu`, `sum`, `cat`, `average`, `same`, `flat`, another op's name, or
            empty where a node keeps its rule.
        node: The node; of a product with a norm after it, the product.
    """

    kind: str
    node: Node
    run: Callable[..., Any]
    sources: tuple[int, ...]
    target: int
    drop: tuple[int, ...]


class Made(NamedTuple):
    """A layer made ready.

    Attributes:
        before, after: What bounds all sums of magnitudes for operands of magnitudes up to 1, before
            the batch norm that is part of the layer and with it; times 1 + m for those up to m.
        read: The tensors it was made of, kept so that their identity stays theirs.
    """

    layer: Layer
    affine: Affine
    before: float
    after: float
    read: tuple[Interval, ...]


Ready = dict[tuple[Any, ...], Made]


class Part(NamedTuple):
    """Steps that take so many inputs of a batch at a time, and what the next part reads of them.

    Larger batches are cut on a CPU, since what does not fit in the cache of a core takes several
    times as long.
    """

    steps: tuple[Step, ...]
    each: int
    keep: tuple[int, ...]


@dataclass(slots=True)
class Plan:
    """The steps of a network, in one part or two: convolutions, and the layers after them.

    Attributes:
        places: Where the value of each input and node is.
        forms: The form of each value, by name.
        positive: Names of values that are never negative.
        whole: Whether no node keeps its rule, so that each input of a batch goes by itself.
        layers: What each step that is a product is made of, by the name of its value.
        backward: What a pass back has made ready of products, by place.
    """

    parts: list[Part] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)
    positive: set[str] = field(default_factory=set)
    whole: bool = True
    layers: dict[str, Layer] = field(default_factory=dict)
    backward: dict[int, tuple[Any, Any, Any]] = field(default_factory=dict)


def make_plan(
    network: Network,
    nodes: Sequence[Node],
    tensors: Mapping[str, Any],
    asked: Sequence[str],
    positive: bool,
    all_kept: bool = False,
    ready: Ready | None = None,
    before: Ready | None = None,
) -> Plan:
    """Plan the nodes for exact inputs, all of them positive or zero, or of either sign.

    Args:
        nodes: Those to run, in order.
        tensors: From `modelhub.progressive.propagate.lifted_tensors`.
        asked: Names of the values that are kept.
        all_kept: No step overwrites a value or lets it go.
        ready: Layers made ready, where those of this plan are put.
        before: Others, of which those of the same tensors are taken.

    Raises:
        TooLargeError: the weights allow values that may overflow.
    """
    maker = _Maker(network, nodes, tensors, frozenset(asked))
    maker.all_kept = all_kept
    maker.ready = {} if ready is None else ready
    maker.before = {} if before is None else before
    for name, value in network.inputs.items():
        real = value.dtype.startswith(("float", "bfloat"))
        maker.note(name, EXACT if real else OTHER, INPUT_MAX)
        if positive and real:
            maker.plan.positive.add(name)
    for node in nodes:
        maker.one(node)
    return _finished(maker, asked)


def _same(ends: Any) -> Any:
    return ends


class _Maker:
    """What is known while a plan is made; `reach` bounds the magnitudes of values on ends."""

    def __init__(
        self,
        network: Network,
        nodes: Sequence[Node],
        tensors: Mapping[str, Any],
        asked: frozenset[str],
    ) -> None:
        self.plan = Plan()
        self.steps: list[Step] = []
        # Bytes that a convolution takes for one input of a batch; 0 for linear layers.
        self.costs: dict[int, int] = {}
        self.tensors = tensors
        self.asked = asked
        self.reach: dict[str, float] = {}
        # Values that are tensors of their own, which a step may overwrite.
        self.fresh: set[str] = set()
        self.postponed: dict[str, Node] = {}
        self.coefficients = 0
        self.all_kept = False
        self.ready: Ready = {}
        self.before: Ready = {}
        self.sizes = {node.name for node in nodes if node.op == "sym.size"}
        self.inputs = network.inputs
        self.shapes = {name: value.shape for name, value in network.inputs.items()}
        self.shapes |= {node.name: node.values[0].shape for node in nodes}
        self.readers: dict[str, list[Node]] = {}
        for node in nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)

    def note(self, name: str, form: str, reach: float = 0.0) -> None:
        """Take a value in."""
        if not reach < _REACH_MAX:
            raise TooLargeError(name)
        self.plan.places[name] = len(self.plan.places)
        self.plan.forms[name] = form
        self.reach[name] = reach

    def emit(
        self,
        name: str,
        does: tuple[str, Node, Callable[..., Any]],
        sources: Sequence[str],
        form: str,
        reach: float,
    ) -> None:
        """Append the step that gives a value: its kind, its node and what it does."""
        self.note(name, form, reach)
        places = self.plan.places
        self.steps.append(Step(*does, tuple(places[n] for n in sources), places[name], ()))

    def one(self, node: Node) -> None:
        """Plan one node."""
        base, source = find(node.op).base, source_of(node)
        form = self.plan.forms.get(source)
        if gives_positive(node, base, self.plan.positive | self.sizes):
            self.plan.positive.add(node.name)
        if source in self.postponed:
            self.product(node, self.postponed[source], node)
        elif base in _PRODUCTS and self.takes(node, source):
            if self.folds(node):
                self.postponed[node.name] = node
            else:
                self.product(node, node, None)
        elif form == ENDS and self.on_ends(node, base, source):
            return
        elif form == EXACT and base in f"{SAME} {FLAT}".split() and self.is_flat(node, base):
            does = ("flat", node, flat) if base in FLAT.split() else ("same", node, _same)
            self.emit(node.name, does, [source], EXACT, INPUT_MAX)
        else:
            names = node.inputs
            run = general(node, [self.plan.forms[n] == ENDS for n in names], self.tensors)
            self.emit(node.name, ("", node, run), names, OTHER, 0.0)

    def on_ends(self, node: Node, base: str, source: str) -> bool:
        """Plan a node that has a step on ends, if it has one."""
        reach, kind = self.reach[source], base
        run: Callable[..., Any] | None = None
        if base in SAME.split():
            kind, run = "same", _same
        elif base == "relu":
            alone = len(self.readers[source]) == 1 and source not in self.asked
            over = source in self.fresh and alone and not self.all_kept
            run = torch.relu_ if over else torch.relu
        elif base in MONOTONE.split() and self.keeps_channels(node, source):
            run, reach = with_literals(node), reach + sum(map(abs, literals(node)))
        elif base in FLAT.split() and self.is_flat(node, base):
            kind, run = "flat", flat
        elif base in AVERAGES.split():
            kind, run = "average", self.averages(node, source)
        elif base in ("add", "cat") and self.alike(node):
            kind = "sum" if base == "add" else "cat"
            run = summed(self.shapes[source]) if base == "add" else concatenated
            reach = sum(self.reach[ref.node] for ref in references(node.arguments))
        if run is None:
            return False
        # More by the rounding of a sum or an average.
        sources = [source]
        if base in ("add", "cat"):
            sources = [ref.node for ref in references(node.arguments)]
        reach = 1.01 * reach if kind in ("sum", "average") else reach
        self.emit(node.name, (kind, node, run), sources, ENDS, reach)
        if base not in f"{SAME} {FLAT}".split():
            self.fresh.add(node.name)
        return True

    def keeps_channels(self, node: Node, source: str) -> bool:
        """Say whether a node of literals and one value gives one, each channel by itself.

        A pool of a value with one dimension less takes dimension 1 for one of its places.
        """
        digits = [c for c in find(node.op).base if c.isdigit()] if "pool" in node.op else []
        rank = len(self.shapes[source])
        known = all(rank == int(digit) + 2 for digit in digits)
        return known and reads_one(node) and len(node.values) == 1

    def takes(self, node: Node, source: str) -> bool:
        """Say whether a product can be a step on ends: its operand, sizes and groups allow it."""
        weight, bias = node.arguments["weight"], node.arguments.get("bias")
        if not isinstance(weight, Weight) or not isinstance(bias, Weight | None) or not source:
            return False
        w, shape = self.tensors[weight.name], self.shapes[source]
        form = self.plan.forms.get(source)
        known = form == EXACT or source in self.plan.positive
        if not known or len(shape) != w.lo.dim() or isinstance(shape[1], str):
            return False
        # One channel more or less would be another split of ends in two.
        if w.lo.dim() > 2 and literal(node, "groups") != 1:
            return False
        return bool(self.coefficients + 4 * w.lo.numel() <= _COEFFICIENTS_MAX)

    def folds(self, node: Node) -> bool:
        """Say whether the one reader of a product is a batch norm of exact statistics."""
        readers = self.readers.get(node.name, [])
        if len(readers) != 1 or node.name in self.asked:
            return False
        found = readers[0]
        if find(found.op).base != "batch_norm" or source_of(found) != node.name:
            return False
        arguments = [found.arguments.get(name) for name in STATISTICS]
        trained = found.arguments.get("training")
        return (
            (trained is False or isinstance(trained, Training))
            and all(isinstance(a, Weight) for a in arguments[:2])
            and all(isinstance(a, Weight | None) for a in arguments)
            and all(self.tensors[a.name].is_point for a in arguments if isinstance(a, Weight))
        )

    def product(self, node: Node, product: Node, norm: Node | None) -> None:
        """Append the step of a product, with the batch norm after it if there is one."""
        source = source_of(product)
        form = self.plan.forms[source]
        positive = source in self.plan.positive
        # Other forms have no bound from the weights; `packed` holds them to this one.
        reach = INPUT_MAX if form == OTHER else self.reach[source]
        one = self.made(product, norm, (form == EXACT, positive))
        layer, made = one.layer, one.affine
        self.coefficients += made.weight.numel()
        places = self.shapes[product.name][2:]
        run = produced(product, made, places)
        if form == EXACT and not positive:
            run = signed(run)
        elif form == OTHER:
            run = packed(run, INPUT_MAX, TooLargeError)
        # What programs meet before the norm counts, too.
        if not one.before * reach + one.before < _REACH_MAX:
            raise TooLargeError(product.name)
        after = one.after * reach + one.after
        self.emit(node.name, ("product", product, run), [source], ENDS, after)
        self.plan.layers[node.name] = layer
        self.fresh.add(node.name)
        sizes = [size for size in places if isinstance(size, int)]
        each = 8 * math.prod(made.weight.shape[1:]) * math.prod(sizes) if places else 0
        if len(sizes) == len(places):
            self.costs[self.plan.places[node.name]] = each

    def made(self, product: Node, norm: Node | None, how: tuple[bool, bool]) -> Made:
        """Make a layer ready, unless it was for the same tensors."""
        nodes = [product] if norm is None else [product, norm]
        read = [self.tensors[name] for node in nodes for name in node.parameters]
        eps = None if norm is None else literal(norm, "eps")
        ends = tuple(id(end) for x in read for end in (x.lo, x.hi))
        key = (product.name, ends, eps, how)
        found = self.ready.get(key) or self.before.get(key)
        if found is None:
            plain = layer_of(product, self.tensors)
            layer = plain if norm is None else folded(plain, norm, self.tensors)
            exact, positive = how
            affine = for_points(layer, positive) if exact else for_ends(layer)
            before = plain.reach()
            after = before if norm is None else layer.reach()
            found = Made(layer, affine, before, after, tuple(read))
        self.ready[key] = found
        return found

    def averages(self, node: Node, source: str) -> Callable[..., Any] | None:
        """Return the step of an average over places, of values that are not negative."""
        places = self.shapes[source][2:]
        known = all(isinstance(size, int) for size in places)
        if source not in self.plan.positive or not places or not known:
            return None
        # Of a divisor below 0 an average falls, and of a small one it may be larger than all.
        if not self.keeps_channels(node, source) or node.arguments.get("divisor_override"):
            return None
        if find(node.op).base == "mean":
            dims = literal(node, "dim") if "dim" in node.arguments else None
            rank = len(places) + 2
            if not dims or any(dim % rank < 2 for dim in dims):
                return None
        sizes = self.shapes[node.name]
        terms = math.prod(int(size) for size in places)
        return average(with_literals(node), terms, int(sizes[1]), len(sizes))

    def alike(self, node: Node) -> bool:
        """Say whether a sum or `cat` along channels reads ends alone, of one shape in a sum."""
        read = [ref.node for ref in references(node.arguments)]
        if node.parameters or any(self.plan.forms[name] != ENDS for name in read):
            return False
        if find(node.op).base == "cat":
            return bool(literal(node, "dim") == 1)
        same = len({self.shapes[name] for name in read}) == 1
        return same and len(read) == 2 and bool(literal(node, "alpha") == 1)

    def is_flat(self, node: Node, base: str) -> bool:
        """Say whether a node makes one row of each input of a batch, or keeps its shape."""
        before, after = self.shapes[source_of(node)], self.shapes[node.name]
        if base not in FLAT.split():
            return True
        known = len(before) > 1 and len(after) == 2 and isinstance(after[1], int)
        return known and before[0] == after[0]


def _finished(maker: _Maker, asked: Sequence[str]) -> Plan:
    """Leave out steps of no use, such as of sizes, and note what nothing reads after each step."""
    plan = maker.plan
    kept = {plan.places[name] for name in asked}
    used, steps = set(kept), []
    for one in reversed(maker.steps):
        if one.target in used:
            gone = {place for place in one.sources if place not in used and not maker.all_kept}
            steps.append(one._replace(drop=tuple(gone)))
            used.update(one.sources)
    steps.reverse()
    others = {plan.places[name] for name, form in plan.forms.items() if form == OTHER}
    plan.whole = not others & used
    costs = [maker.costs.get(one.target) for one in steps]
    last = max((i for i, each in enumerate(costs) if each), default=-1)
    linear = (i for i, each in enumerate(costs) if i > last and each is not None)
    cut = next(linear, len(steps)) if last >= 0 else 0
    after = kept | {place for one in steps[cut:] for place in one.sources}
    if cut:
        most = max(each for each in costs[:cut] if each)
        given = range(len(maker.inputs))
        keep = {*given, *(one.target for one in steps[:cut])} & after
        plan.parts.append(Part(tuple(steps[:cut]), max(1, _STEP_BYTES // most), tuple(keep)))
    if cut < len(steps):
        plan.parts.append(Part(tuple(steps[cut:]), _ROWS, tuple(kept)))
    return plan
