"""Keep the shapes of a network under change right, and say where they do not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from modelhub.net.arguments import Ref
from modelhub.net.graph import Node, Tensor, Value
from modelhub.net.surgery.draft import Draft
from modelhub.net.surgery.edited import SurgeryError
from modelhub.net.surgery.passes import Forms, Pass
from modelhub.net.surgery.sizes import ATTEMPTS, Sizes, numeric
from modelhub.optional import require

__all__ = ["Shapes"]


class Shapes:
    """Keeps the recorded values of a draft's nodes right."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._meta = require("modelhub.net.surgery.meta", "torch")
        self._runner = self._meta.Meta()
        # What worked last is tried first.
        self._attempt = 0
        self._sizes: dict[int, Sizes] = {}
        self._known: dict[int, dict[str, Forms]] = {}
        self._inputs: list[tuple[str, Value]] = []
        self._loads = 0

    def value(self, ref: Ref) -> Value:
        """Return a value as it is now.

        Raises:
            SurgeryError: shapes do not fit, there or before it.
        """
        draft = self._draft
        self.refresh()
        if ref.node in draft.broken or ref.node in draft.unsure:
            self._try_others()
            self._refuse_behind(ref.node)
        return draft.value(ref)

    def check_words(self, name: str) -> None:
        """Refuse a name of a module that torch keeps for itself.

        Raises:
            SurgeryError: a part of it is such a word.
        """
        for part in name.split("."):
            if self._meta.reserved(part):
                raise SurgeryError(f"{part!r} is a word that torch keeps; choose another name")

    def check(self) -> None:
        """Bring all values up to date.

        Raises:
            SurgeryError: shapes do not fit somewhere.
        """
        self.refresh()
        if self._draft.broken:
            self._try_others()
        for name in self._draft.broken:
            self._refuse(name)

    def refresh(self) -> None:
        """Bring all values up to date but those that cannot be."""
        if self._draft.pending:
            run = self._pass(self._attempt)
            run.all()
            self._commit(run, self._attempt)

    def _try_others(self) -> None:
        """Try other sizes: an image may have been too small to be halved so often."""
        for attempt in self._attempts()[1:]:
            run = self._pass(attempt)
            run.all()
            if not run.broken:
                self._commit(run, attempt)
                self._attempt = attempt
                return

    def _commit(self, run: Pass, attempt: int) -> None:
        run.commit()
        # What was found with other sizes may have changed with what was run now.
        self._known = {attempt: self._known[attempt]}

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
        for attempt in self._attempts():
            try:
                found = self._pass(attempt).outcome(nodes, tensors)
            except self._meta.FormError as error:
                reason = reason or str(error)
                continue
            self._attempt = attempt
            return found
        raise SurgeryError(reason)

    def _attempts(self) -> list[int]:
        """Return the attempts that make a difference, that which worked last first."""
        values = self._draft.inputs.values()
        if not any(isinstance(size, str) for v in values for size in numeric(v.shape)):
            return [self._attempt]
        return [self._attempt, *(n for n in range(ATTEMPTS) if n != self._attempt)]

    def _pass(self, attempt: int) -> Pass:
        inputs = list(self._draft.inputs.items())
        if inputs != self._inputs:
            self._inputs, self._sizes, self._known = inputs, {}, {}
        if self._loads != self._draft.loads:
            self._loads, self._known = self._draft.loads, {}
        if attempt not in self._sizes:
            self._sizes[attempt] = Sizes(self._draft.inputs.values(), attempt)
        known = self._known.setdefault(attempt, {})
        return Pass(self._draft, self._meta, self._runner, self._sizes[attempt], known)

    def _refuse_behind(self, name: str) -> None:
        for found in self._draft.before(name):
            if found in self._draft.broken:
                self._refuse(found)

    def _refuse(self, name: str) -> NoReturn:
        notes = self._draft.notes
        causes = [notes[found] for found in self._draft.before(name) if found in notes]
        raise SurgeryError("; ".join([self._draft.broken[name], *causes[:3]]))
