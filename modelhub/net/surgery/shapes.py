"""Find the shapes of a network under change, on torch's meta device, and say where they do not fit.

Only what reads something changed is run, front to back, until shapes are again as recorded. Strides
matter to `view`, so views before a changed node are run too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelhub.net.arguments import Argument, Ref, Weight, references
from modelhub.net.graph import Node, Shape, Tensor, Value
from modelhub.net.kinds import AUX
from modelhub.net.surgery.draft import Draft
from modelhub.net.surgery.edited import Fresh, SurgeryError
from modelhub.net.surgery.following import followed
from modelhub.net.surgery.sizes import ATTEMPTS, RUNS, Sizes, numeric
from modelhub.optional import require

__all__ = ["Shapes", "shown"]

# Kinds of which the result lies in memory as what they read does.
_LAYOUT = frozenset(
    {AUX, "RELU", "RELU6", "GELU", "SILU", "SIGMOID", "TANH", "DROPOUT", "ADD", "MUL"}
)


def shown(value: Value) -> str:
    """Return a value as messages show it: `float32 (s0, 3, 8)`."""
    return f"{value.dtype} ({', '.join(map(str, value.shape))})"


class Shapes:
    """Keeps the recorded values of a draft's nodes right."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._meta = require("modelhub.net.surgery.meta", "torch")
        self._runner = self._meta.Meta()
        # Of nodes whose shapes do not fit, the reason; what is behind them is not known either.
        self._broken: dict[str, str] = {}

    def value(self, ref: Ref) -> Value:
        """Return a value as it is now.

        Raises:
            SurgeryError: shapes do not fit, there or before it.
        """
        self.refresh()
        if self._broken:
            self._refuse_behind(ref.node)
        return self._draft.value(ref)

    def check(self) -> None:
        """Bring all values up to date.

        Raises:
            SurgeryError: shapes do not fit somewhere.
        """
        self.refresh()
        for reason in self._broken.values():
            raise SurgeryError(reason)

    def refresh(self) -> None:
        """Bring all values up to date but those that cannot be."""
        draft = self._draft
        if not draft.pending:
            return
        self._broken = {}
        failed: _Pass | None = None
        for attempt in range(ATTEMPTS):
            run = _Pass(draft, self._meta, self._runner, Sizes(draft.inputs.values(), attempt))
            run.all()
            if not run.broken:
                run.commit()
                draft.pending.clear()
                draft.grown.clear()
                return
            failed = failed or run
            if not any(isinstance(s, str) for v in draft.inputs.values() for s in numeric(v.shape)):
                break
        if failed is not None:
            failed.commit()
            draft.pending |= failed.blocked
            self._broken = failed.broken

    def outcome(
        self, nodes: Sequence[Node], tensors: Mapping[str, Tensor]
    ) -> list[tuple[Value, ...]]:
        """Return the values that nodes would give that are not in the draft.

        Args:
            nodes: The nodes; they read what is in the draft and each other, front to back.
            tensors: What they read of tensors that are not in the draft.

        Raises:
            SurgeryError: one does not take what it reads.
        """
        reason = ""
        for attempt in range(ATTEMPTS):
            run = _Pass(
                self._draft, self._meta, self._runner, Sizes(self._draft.inputs.values(), attempt)
            )
            try:
                return run.outcome(nodes, tensors)
            except self._meta.FormError as error:
                reason = reason or str(error)
        raise SurgeryError(reason)

    def _refuse_behind(self, name: str) -> None:
        seen, stack = {name}, [name]
        while stack:
            current = stack.pop()
            if current in self._broken:
                raise SurgeryError(self._broken[current])
            node = self._draft.nodes.get(current)
            for source in node.inputs if node else ():
                if source not in seen:
                    seen.add(source)
                    stack.append(source)


class _Pass:
    """One attempt.

    Attributes:
        broken: For each node that could not be run, the reason.
        blocked: These nodes and what depends on them.
    """

    def __init__(self, draft: Draft, meta: Any, runner: Any, sizes: Sizes) -> None:
        self.broken: dict[str, str] = {}
        self._draft = draft
        self._meta = meta
        self._runner = runner
        self._sizes = sizes
        self._forms: dict[str, list[list[Any]]] = {}
        self._nodes: dict[str, Node] = {}
        self._tensors: dict[str, tuple[Tensor, Fresh]] = {}
        self._grown = set(draft.grown)
        self._taken: set[str] | None = None
        self.blocked: set[str] = set()

    def all(self) -> None:
        """Run all nodes that are pending and what they change."""
        waiting = set(self._draft.pending)
        for name in list(self._draft.order):
            if name not in waiting:
                continue
            node = self._draft.nodes[name]
            if any(source in self.blocked for source in node.inputs):
                self.blocked.add(name)
                waiting.update(self._draft.readers(name))
                continue
            if self._run(node):
                waiting.update(self._draft.readers(name))

    def _run(self, node: Node) -> bool:
        """Run a node; return whether what reads it must be run too."""
        draft = self._draft
        try:
            for source in node.inputs:
                self._ensure(source)
            node = self._follow(node)
            forms = self._evaluate(node)
        except SurgeryError as error:
            self.broken[node.name] = str(error)
            self.blocked.add(node.name)
            return True
        except self._meta.FormError as error:
            self.broken[node.name] = self._reason(node, str(error))
            self.blocked.add(node.name)
            return True
        self._forms[node.name] = forms
        values = self._fit(node.values, forms)
        if values != node.values:
            node = replace(node, values=values)
        if node is not draft.nodes[node.name]:
            self._nodes[node.name] = node
            return True
        return node.kind in _LAYOUT and self._moved(forms)

    def _moved(self, forms: list[list[Any]]) -> bool:
        # Strides are not recorded: only what is in C order is as any reader would take it.
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
            forms = [run[ref.index or 0] for run in self._forms[ref.node]]
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
            if current in self._forms:
                stack.pop()
                continue
            node = self._draft.nodes.get(current)
            recorded = (self._draft.inputs[current],) if node is None else node.values
            known = self._recorded(recorded)
            if node is None or (known is not None and node.kind not in _LAYOUT):
                if known is None:
                    raise self._meta.FormError(f"the size of {current} is not known")
                self._forms[current] = known
                stack.pop()
                continue
            missing = [source for source in node.inputs if source not in self._forms]
            if missing:
                stack.extend(missing)
                continue
            try:
                self._forms[current] = self._evaluate(node)
            except self._meta.FormError:
                # What depends on values, not on shapes alone, has no meta kernel.
                if known is None:
                    raise
                self._forms[current] = known
            stack.pop()

    def _recorded(self, values: tuple[Value, ...]) -> list[list[Any]] | None:
        runs: list[list[Any]] = [[] for _ in range(RUNS)]
        for value in values:
            numbers = [self._sizes.numbers(size) for size in numeric(value.shape)]
            if value.dtype == "int" or any(n is None or min(n) < 0 for n in numbers):
                return None
            for run, into in enumerate(runs):
                shape = tuple(n[run] for n in numbers if n is not None)
                into.append(self._meta.contiguous(value.dtype, shape))
        return runs

    def _evaluate(self, node: Node) -> list[list[Any]]:
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
                return self._forms[node][run][index or 0]
            case Weight(name):
                tensor = self._tensors[name][0] if name in self._tensors else None
                tensor = tensor or self._draft.tensors[name]
                return self._meta.contiguous(tensor.dtype, tensor.shape)
        return argument

    def _fit(self, recorded: tuple[Value, ...], forms: list[list[Any]]) -> tuple[Value, ...]:
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
            shape = tuple(self._sizes.expression(size, self._names()) for size in sizes)
            values.append(Value(across[0][0], shape))
        return tuple(values)

    def _names(self) -> set[str]:
        """Return the texts of all sizes, so that a new one is another."""
        if self._taken is None:
            values = [value for node in self._draft.nodes.values() for value in node.values]
            self._taken = {s for value in values for s in value.shape if isinstance(s, str)}
        return self._taken

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

    def _outcome(self, node: Node) -> list[list[Any]]:
        for source in node.inputs:
            self._ensure(source)
        try:
            return self._evaluate(node)
        except self._meta.FormError as error:
            read = [
                f"({', '.join(str(self._sizes.expression(size)) for size in sizes)})"
                for ref in references(node.arguments)
                if isinstance((forms := self._forms[ref.node])[0][ref.index or 0], tuple)
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

    def _reason(self, node: Node, text: str) -> str:
        read = [f"{ref.node} {shown(self._draft_value(ref))}" for ref in references(node.arguments)]
        sizes = [
            f"{name} [{', '.join(map(str, self._draft.tensors[name].shape))}]"
            for name in node.parameters[:3]
        ]
        said = f"the shapes do not fit at {node.name} ({node.op}): it reads {', '.join(read[:4])}"
        if sizes:
            said += f", with {', '.join(sizes)}"
        causes = [
            self._draft.notes[name] for name in self._before(node) if name in self._draft.notes
        ]
        if causes:
            said += f"; {'; '.join(causes[:3])}"
        return f"{said} ({text})"

    def _draft_value(self, ref: Ref) -> Value:
        node = self._nodes.get(ref.node)
        return node.values[ref.index or 0] if node else self._draft.value(ref)

    def _before(self, node: Node) -> Iterator[str]:
        seen, stack = {node.name}, [node.name]
        while stack:
            name = stack.pop(0)
            yield name
            found = self._draft.nodes.get(name)
            new = [source for source in (found.inputs if found else ()) if source not in seen]
            seen.update(new)
            stack.extend(new)


_NO = Fresh("zeros", 0.0, "")
