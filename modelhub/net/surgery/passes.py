"""Run what changed of a network on torch's meta device, front to back.

A *pass* is one go with one set of sizes. It runs what is pending and, where that has other values
than are recorded, what reads it. Strides matter to `view`, so views before a node that is run are
run too.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelhub.net.arguments import Argument, Ref, Weight, references
from modelhub.net.graph import Node, Shape, Tensor, Value
from modelhub.net.kinds import AUX
from modelhub.net.surgery.draft import Draft
from modelhub.net.surgery.edited import Fresh, SurgeryError
from modelhub.net.surgery.following import followed
from modelhub.net.surgery.sizes import RUNS, Sizes, numeric

__all__ = ["Pass", "shown"]

# Kinds of which the result lies in memory as what they read does.
_LAYOUT = frozenset(
    {AUX, "RELU", "RELU6", "GELU", "SILU", "SIGMOID", "TANH", "DROPOUT", "ADD", "MUL"}
)


# For each run what a node gives: forms, or numbers.
Forms = list[list[Any]]


def shown(value: Value) -> str:
    """Return a value as messages show it: `float32 (s0, 3, 8)`."""
    return f"{value.dtype} ({', '.join(map(str, value.shape))})"


class Pass:
    """One pass.

    Args:
        draft: The network.
        meta: The module `modelhub.net.surgery.meta`.
        runner: What runs ops.
        sizes: The sizes to run with.
        known: What nodes gave in earlier passes with these sizes; added to.

    Attributes:
        broken: For each node that could not be run, the reason.
    """

    def __init__(
        self, draft: Draft, meta: Any, runner: Any, sizes: Sizes, known: dict[str, Forms]
    ) -> None:
        self.broken: dict[str, str] = {}
        self._draft = draft
        self._meta = meta
        self._runner = runner
        self._sizes = sizes
        self._known = known
        self._forms: dict[str, Forms] = {}
        self._nodes: dict[str, Node] = {}
        self._tensors: dict[str, tuple[Tensor, Fresh]] = {}
        self._grown = set(draft.grown)
        self._unsure = set(draft.unsure)

    def all(self) -> None:
        """Run all nodes that are pending or were broken, and what they change."""
        draft = self._draft
        seeds = draft.pending | draft.broken.keys()
        heap = [(draft.order.label(name), name) for name in seeds]
        heapq.heapify(heap)
        waiting = set(seeds)
        while heap:
            _, name = heapq.heappop(heap)
            waiting.discard(name)
            node = draft.nodes[name]
            if any(source in self._unsure or source in self.broken for source in node.inputs):
                # What is behind it is not sure either; it was said so before if this was.
                on = name not in self._unsure
                self._unsure.add(name)
            else:
                on = self._run(node)
            for reader in draft.readers(name) if on else ():
                if reader not in waiting:
                    waiting.add(reader)
                    heapq.heappush(heap, (draft.order.label(reader), reader))

    def _run(self, node: Node) -> bool:
        """Run a node; return whether what reads it must be run too."""
        draft, was_unsure = self._draft, node.name in self._unsure
        was_unsure |= node.name in draft.broken
        self._unsure.discard(node.name)
        try:
            for source in node.inputs:
                self._ensure(source)
            node = self._follow(node)
            forms = self._evaluate(node)
        except SurgeryError as error:
            return self._break(node, str(error))
        except self._meta.FormError as error:
            return self._break(node, self._reason(node, str(error)))
        self._forms[node.name] = forms
        values = self._fit(node.values, forms)
        if values != node.values:
            node = replace(node, values=values)
        if node is not draft.nodes[node.name]:
            self._nodes[node.name] = node
            return True
        known = self._known.get(node.name)
        # Strides are not recorded: if it is not known how they were, only C order is no change.
        moved = known != forms if known is not None else self._moved(forms)
        return was_unsure or (node.kind in _LAYOUT and moved)

    def _form(self, name: str) -> Forms:
        found = self._forms.get(name)
        return self._known[name] if found is None else found

    def _break(self, node: Node, reason: str) -> bool:
        """Say that a node cannot be run; return whether what reads it was thought sure."""
        self.broken[node.name] = reason
        return node.name not in self._draft.broken

    def _moved(self, forms: Forms) -> bool:
        return any(
            isinstance(form, tuple) and form != self._meta.contiguous(form[0], form[1])
            for run in forms
            for form in run
        )

    def _follow(self, node: Node) -> Node:
        """Let the weights of a layer follow if the number of channels before it changed."""
        if not any(source in self._grown for source in node.inputs):
            return node
        shapes: dict[Ref, Shape] = {}
        for ref in references(node.arguments):
            forms = [run[ref.index or 0] for run in self._form(ref.node)]
            if isinstance(forms[0], tuple):
                sizes = zip(*(form[1] for form in forms), strict=True)
                shapes[ref] = tuple(self._sizes.expression(size) for size in sizes)
        result = followed(self._draft, node, shapes)
        if result.goes_on:
            self._grown.add(node.name)
        for tensor, fresh in result.tensors:
            self._tensors[tensor.name] = (tensor, fresh)
        return result.node

    def _ensure(self, name: str) -> None:
        """Find the forms of an input or a node that need not be pending, and what that takes."""
        stack = [name]
        while stack:
            current = stack[-1]
            if current in self._forms or current in self._known:
                stack.pop()
                continue
            node = self._draft.nodes.get(current)
            recorded = (self._draft.inputs[current],) if node is None else node.values
            known = self._recorded(recorded)
            if node is None or (known is not None and node.kind not in _LAYOUT):
                if known is None:
                    raise self._meta.FormError(f"the size of {current} is not known")
                self._known[current] = known
                stack.pop()
                continue
            missing = [
                source
                for source in node.inputs
                if source not in self._forms and source not in self._known
            ]
            if missing:
                stack.extend(missing)
                continue
            try:
                self._known[current] = self._evaluate(node)
            except self._meta.FormError:
                # What depends on values, not on shapes alone, has no meta kernel.
                if known is None:
                    raise
                self._known[current] = known
            stack.pop()

    def _recorded(self, values: tuple[Value, ...]) -> Forms | None:
        runs: Forms = [[] for _ in range(RUNS)]
        for value in values:
            numbers = [self._sizes.numbers(size) for size in numeric(value.shape)]
            if value.dtype == "int" or any(n is None or min(n) < 0 for n in numbers):
                return None
            for run, into in enumerate(runs):
                shape = tuple(n[run] for n in numbers if n is not None)
                into.append(self._meta.contiguous(value.dtype, shape))
        return runs

    def _evaluate(self, node: Node) -> Forms:
        return [
            self._runner.run(
                node.op, {key: self._resolve(a, run) for key, a in node.arguments.items()}
            )
            for run in range(RUNS)
        ]

    def _resolve(self, argument: Argument, run: int) -> Any:
        match argument:
            case tuple():
                return tuple(self._resolve(item, run) for item in argument)
            case Ref(node, index):
                return self._form(node)[run][index or 0]
            case Weight(name):
                tensor = self._tensors[name][0] if name in self._tensors else None
                tensor = tensor or self._draft.tensors[name]
                return self._meta.contiguous(tensor.dtype, tensor.shape)
        return argument

    def _fit(self, recorded: tuple[Value, ...], forms: Forms) -> tuple[Value, ...]:
        """Return the recorded values if they are those forms, else the values that are."""
        if recorded and self._recorded(recorded) == [
            [self._meta.contiguous(f[0], f[1]) if isinstance(f, tuple) else f for f in run]
            for run in forms
        ]:
            return recorded
        values = []
        for across in zip(*forms, strict=True):
            if not isinstance(across[0], tuple):
                values.append(Value("int", ()))
                continue
            sizes = zip(*(form[1] for form in across), strict=True)
            shape = tuple(self._sizes.expression(size, self._names) for size in sizes)
            values.append(Value(across[0][0], shape))
        return tuple(values)

    def _names(self) -> set[str]:
        """Return the texts of all sizes, so that a new one is another."""
        values = [value for node in self._draft.nodes.values() for value in node.values]
        return {size for value in values for size in value.shape if isinstance(size, str)}

    def outcome(
        self, nodes: Sequence[Node], tensors: Mapping[str, Tensor]
    ) -> list[tuple[Value, ...]]:
        """Return the values of nodes that are not in the draft."""
        self._tensors |= {name: (tensor, _NO) for name, tensor in tensors.items()}
        found: list[tuple[Value, ...]] = []
        for node in nodes:
            forms = self._outcome(node)
            # A node may have the name of one that it takes the place of.
            found.append(self._fit((), forms))
            self._forms[node.name] = forms
        return found

    def _outcome(self, node: Node) -> Forms:
        for source in node.inputs:
            self._ensure(source)
        try:
            return self._evaluate(node)
        except self._meta.FormError as error:
            read = [
                f"({', '.join(str(self._sizes.expression(size)) for size in sizes)})"
                for ref in references(node.arguments)
                if isinstance((forms := self._form(ref.node))[0][ref.index or 0], tuple)
                for sizes in [list(zip(*(run[ref.index or 0][1] for run in forms), strict=True))]
            ]
            what = f"{node.name} ({node.kind}) cannot read {', '.join(read)}"
            raise self._meta.FormError(f"{what}: {error}") from error

    def commit(self) -> None:
        """Write down what was found."""
        draft = self._draft
        for tensor, fresh in self._tensors.values():
            draft.add_tensor(tensor, fresh=fresh)
        for node in self._nodes.values():
            if node.arguments != draft.nodes[node.name].arguments:
                draft.set(node)
            else:
                draft.note(node)
        self._known.update(self._forms)
        draft.pending.clear()
        draft.broken = self.broken
        draft.unsure = self._unsure
        draft.grown = self._grown if self.broken else set()

    def _reason(self, node: Node, text: str) -> str:
        read = [f"{ref.node} {shown(self._draft_value(ref))}" for ref in references(node.arguments)]
        sizes = [
            f"{name} [{', '.join(map(str, self._draft.tensors[name].shape))}]"
            for name in node.parameters[:3]
        ]
        said = f"the shapes do not fit at {node.name} ({node.op}): it reads {', '.join(read[:4])}"
        if sizes:
            said += f", with {', '.join(sizes)}"
        return f"{said} ({text})"

    def _draft_value(self, ref: Ref) -> Value:
        node = self._nodes.get(ref.node)
        return node.values[ref.index or 0] if node else self._draft.value(ref)


_NO = Fresh("zeros", 0.0, "")
