"""Prepare a network whose weights are known to boxes, to bound its values for many inputs.

What weights alone decide is done once, so that a pass costs a few times a forward pass in float64.
Bounds are those of `modelhub.progressive.propagate` but for rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelhub.net.arguments import Ref, Weight
from modelhub.net.graph import Network
from modelhub.optional import require
from modelhub.progressive.calls import lifted
from modelhub.progressive.ends import Layer, halves
from modelhub.progressive.intervals import Interval
from modelhub.progressive.margins import Head, Logits, checked, head
from modelhub.progressive.pairs import Pairs
from modelhub.progressive.plan import ENDS, INPUT_MAX, Part, Plan, Ready, TooLargeError, make_plan
from modelhub.progressive.propagate import lifted_tensors, propagate
from modelhub.progressive.walk import as_tensor, device_of, multiplying_first, needed

__all__ = ["Prepared", "Trace", "prepare"]

torch: Any = require("torch", "torch")


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Bounds of all values.

    Attributes:
        values: By the places of the plan, each in its form.
        layer: The last one.
        operand: The place of its operand.
    """

    plan: Plan
    values: list[Any]
    bounds: Logits
    layer: Layer
    operand: int


def prepare(
    network: Network, weights: Mapping[str, Any], previous: Prepared | None = None
) -> Prepared:
    """Return the network with its weights made ready.

    Args:
        network: An executable network with one output.
        weights: As for `modelhub.progressive.propagate.propagate`; a pair of arrays is a box.
        previous: The same network with other weights, of which layers with the same tensors (the
            same objects, unchanged) are taken.

    Raises:
        UnsupportedError: it has several outputs, or none.
        KeyError: a weight is missing.
    """
    before = {} if previous is None else previous.ready
    return Prepared(network, lifted_tensors(network, weights), head(network), before)


class Prepared:
    """A network made ready for many passes; made by `prepare`.

    Attributes:
        head: Where its labels come from.
        device: Where its weights are; inputs are moved there.
        ready: Layers made ready.
    """

    def __init__(
        self, network: Network, tensors: Mapping[str, Any], found: Head, before: Ready
    ) -> None:
        self.network = network
        self.head = found
        self.ready: Ready = {}
        self._before = before
        self.device = device_of(tensors)
        self._tensors = tensors
        self._refs = [found.values]
        read = found.linear.arguments["input"] if found.linear is not None else None
        if isinstance(read, Ref):
            self._refs.append(read)
        self._nodes = needed(network, self._refs)
        # By whether all inputs are positive or zero and all values kept; None: there is no plan.
        self._plans: dict[tuple[bool, bool], Plan | None] = {}
        self._pairs: Pairs | None = None

    def logits(self, inputs: Mapping[str, Any]) -> Logits:
        """Bound the values that labels come from, and keep what tells them apart.

        Args:
            inputs: For each input of the network, by name, a tensor or an array, or an `Interval`.

        Raises:
            UnsupportedError: no bounds are known for a node, or the values are not (N, C).
            KeyError: an input is missing.
        """
        given = [lifted(as_tensor(inputs[name], self.device)) for name in self.network.inputs]
        with multiplying_first(self.device):
            plan = self._plan(given)
            if plan is not None:
                values = [x.lo if isinstance(x, Interval) else x for x in given]
                try:
                    return self._logits(plan, self._run(plan, values))
                except TooLargeError:
                    pass
        return self._by_rules(inputs)

    def trace(self, inputs: Mapping[str, Any]) -> Trace | None:
        """Bound all values of a network for a few inputs; None where there is no plan for them.

        Raises:
            UnsupportedError: as for `logits`.
            KeyError: an input is missing.
        """
        given = [lifted(as_tensor(inputs[name], self.device)) for name in self.network.inputs]
        with multiplying_first(self.device):
            plan = self._plan(given, all_kept=True)
            if plan is None or self.head.linear is None or len(self._refs) == 1:
                return None
            held = [x.lo if isinstance(x, Interval) else x for x in given]
            values = held + [None] * (len(plan.places) - len(held))
            try:
                for part in plan.parts:
                    values = _pass(part, values)
            except TooLargeError:
                return None
            bounds = self._logits(plan, self._read(plan, values))
        if bounds.pairs is None:
            return None
        layer = plan.layers[self.head.linear.name]
        return Trace(plan, values, bounds, layer, plan.places[self._refs[1].node])

    def plan(self, positive: bool, all_kept: bool = False) -> Plan | None:
        """Return the plan for inputs that are positive or zero, or any; None if there is none."""
        key = positive, all_kept
        if key not in self._plans:
            names = [ref.node for ref in self._refs]
            made: Plan | None
            try:
                made = make_plan(
                    self.network,
                    self._nodes,
                    self._tensors,
                    names,
                    positive,
                    all_kept,
                    self.ready,
                    self._before,
                )
            except TooLargeError:
                made = None
            self._plans[key] = made
        return self._plans[key]

    def _plan(self, given: list[Any], all_kept: bool = False) -> Plan | None:
        """Return the plan for some inputs, or None where they are boxes, huge or not numbers."""
        positive = True
        for x in given:
            if isinstance(x, Interval):
                if not x.is_point or not x.lo.numel():
                    return None
                least, most = (float(end) for end in x.lo.aminmax())
                if not -INPUT_MAX <= least <= most <= INPUT_MAX:
                    return None
                positive &= least >= 0.0
        return self.plan(positive, all_kept)

    def _run(self, plan: Plan, given: list[Any]) -> list[Any]:
        values = given + [None] * (len(plan.places) - len(given))
        counts = {len(x) for x in given if x.dim()}
        cut = plan.whole and len(counts) == 1 and given[0].device.type == "cpu"
        for part in plan.parts:
            count = counts.pop() if cut else 0
            if count <= part.each:
                values = _pass(part, values)
            else:
                pieces = []
                for start in range(0, count, part.each):
                    rows = slice(start, start + part.each)
                    held = [x if x is None else x[rows] for x in values]
                    found = _pass(part, held)
                    pieces.append([found[place] for place in part.keep])
                for place, parts in zip(part.keep, zip(*pieces, strict=True), strict=True):
                    values[place] = torch.cat(parts)
            counts.add(count)
        return self._read(plan, values)

    def _read(self, plan: Plan, values: list[Any]) -> list[Any]:
        """Return the values of the head; of a node that gives several, such as `chunk`, the one."""
        found = [(values[plan.places[ref.node]], ref.index) for ref in self._refs]
        return [value if index is None else value[index] for value, index in found]

    def _logits(self, plan: Plan, found: list[Any]) -> Logits:
        """Return the bounds with what tells labels apart, prepared if the last layer has a step."""
        opened = [
            halves(value) if plan.forms[ref.node] == ENDS else lifted(value)
            for ref, value in zip(self._refs, found, strict=True)
        ]
        values = checked(opened[0], self.head.values)
        linear = self.head.linear
        if linear is None or len(found) == 1:
            return Logits(values)
        read = self._refs[1].node
        layer = plan.layers.get(linear.name)
        if layer is None or plan.forms[read] != ENDS or read not in plan.positive:
            return self._unprepared(values, opened[1])
        if self._pairs is None:
            self._pairs = Pairs(layer)
        return Logits(values, pairs=self._pairs, ends=found[1])

    def _by_rules(self, inputs: Mapping[str, Any]) -> Logits:
        found = propagate(self.network, self._tensors, inputs, self._refs)
        values = checked(found[0], self.head.values)
        return self._unprepared(values, found[1]) if len(found) > 1 else Logits(values)

    def _unprepared(self, values: Interval, operands: Interval) -> Logits:
        assert self.head.linear is not None
        arguments = self.head.linear.arguments
        bias = arguments.get("bias")
        if isinstance(bias, Ref):
            return Logits(values)
        weight = arguments["weight"]
        assert isinstance(weight, Weight)
        tensors = self._tensors
        added = tensors[bias.name] if isinstance(bias, Weight) else None
        return Logits(values, operands, tensors[weight.name], added)


def _pass(part: Part, given: list[Any]) -> list[Any]:
    """Run steps once; `given` has what is known by place."""
    values = list(given)
    for _, _, run, sources, target, drop in part.steps:
        values[target] = run(*[values[place] for place in sources])
        for place in drop:
            values[place] = None
    return values
