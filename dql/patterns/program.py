"""Match texts in time that grows with text times pattern, never exponentially.

A pattern is compiled to a *program* of a few kinds of instructions, and all the ways of matching
are followed at once, character by character (Thompson's construction as Pike ran it; R. Cox,
"Regular Expression Matching: the Virtual Machine Approach", 2009). Of two ways to match, the one
that the pattern prefers wins, as with backtracking: longer for `*`, earlier for alternatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = [
    "INSTRUCTIONS_MAX",
    "TEXT_CHARS_MAX",
    "Any",
    "Assert",
    "Jump",
    "One",
    "PatternError",
    "Program",
    "Save",
    "Split",
    "Word",
    "check_size",
    "either",
    "placed",
    "star",
]

# A match takes at most the product of these many steps: about a second in Python.
INSTRUCTIONS_MAX = 1_000
TEXT_CHARS_MAX = 1_000


class PatternError(ValueError):
    """A pattern cannot be read.

    Args:
        message: What was found and what was expected.
        offset: Where in the pattern, from 0.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Any:
    """Take one character, whichever it is."""


@dataclass(frozen=True, slots=True)
class Word:
    """Take one character, this one."""

    char: str


@dataclass(frozen=True, slots=True)
class One:
    """Take one character for which a test is true."""

    test: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Split:
    """Go on at two places, the first preferred."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on at another place."""

    to: int


@dataclass(frozen=True, slots=True)
class Save:
    """Note where in the text we are."""

    slot: int


@dataclass(frozen=True, slots=True)
class Assert:
    """Go on only if a test of the text and the place in it is true."""

    test: Callable[[str, int], bool]


Instruction = Any | Word | One | Split | Jump | Save | Assert
_Saved = tuple[int, ...]


def check_size(code: Sequence[Instruction]) -> None:
    """Raise PatternError if a program has become too large."""
    if len(code) > INSTRUCTIONS_MAX:
        raise PatternError(f"the pattern is too large (over {INSTRUCTIONS_MAX} steps)", 0)


# Parts of programs are put together with places relative to each instruction; `placed` turns them
# into places in the program.


def star(part: list[Instruction]) -> list[Instruction]:
    """Return a part that takes another any number of times, as often as it can."""
    return [Split(1, len(part) + 2), *part, Jump(-len(part) - 1)]


def either(parts: list[list[Instruction]]) -> list[Instruction]:
    """Return a part that takes one of some, the first that it can."""
    *head, code = parts
    for part in reversed(head):
        code = [Split(1, len(part) + 2), *part, Jump(len(code) + 1), *code]
        check_size(code)
    return code


def placed(code: Sequence[Instruction]) -> list[Instruction]:
    """Return a program in which places are counted from its start."""
    program: list[Instruction] = []
    for place, step in enumerate(code):
        if isinstance(step, Split):
            program.append(Split(place + step.first, place + step.second))
        elif isinstance(step, Jump):
            program.append(Jump(place + step.to))
        else:
            program.append(step)
    return program


class Program:
    """A compiled pattern.

    Args:
        code: The instructions, `placed`; running behind the last is a match.
        captures: For each capture, in order of number, the two slots that bound it.
        whole: Whether the pattern must match the whole text rather than some part of it.

    Raises:
        PatternError: There are more than INSTRUCTIONS_MAX instructions.
    """

    def __init__(
        self, code: Sequence[Instruction], captures: Sequence[tuple[int, int]] = (), *, whole: bool
    ) -> None:
        check_size(code)
        self._code = tuple(code)
        self._captures = tuple(captures)
        self._slots = 1 + max((max(each) for each in captures), default=-1)
        self._whole = whole

    def match(self, text: str) -> tuple[str, ...] | None:
        """Return what the captures hold, or None if the text does not match.

        A capture that took no part in the match is empty. A text of more than TEXT_CHARS_MAX
        characters never matches.
        """
        if len(text) > TEXT_CHARS_MAX:
            return None
        threads: list[tuple[int, _Saved]] = []
        start = (0, (-1,) * self._slots)
        for at in range(len(text) + 1):
            seen: set[int] = set()
            ready: list[tuple[int, _Saved]] = []
            for thread in threads if self._whole and at else [*threads, start]:
                self._add(ready, seen, thread, text, at)
            if len(self._code) in seen and (at == len(text) or not self._whole):
                saved = next(saved for place, saved in ready if place == len(self._code))
                return self._held(text, saved)
            threads = [
                (place + 1, saved)
                for place, saved in ready
                if at < len(text)
                and place < len(self._code)
                and _takes(self._code[place], text[at])
            ]
        return None

    def _add(
        self,
        ready: list[tuple[int, _Saved]],
        seen: set[int],
        start: tuple[int, _Saved],
        text: str,
        at: int,
    ) -> None:
        """Follow what takes no character, in the order of what is preferred."""
        todo = [start]
        while todo:
            place, saved = todo.pop()
            if place in seen:
                continue
            seen.add(place)
            if place == len(self._code):
                ready.append((place, saved))
                continue
            step = self._code[place]
            if isinstance(step, Split):
                todo += [(step.second, saved), (step.first, saved)]
            elif isinstance(step, Jump):
                todo.append((step.to, saved))
            elif isinstance(step, Save):
                todo.append((place + 1, (*saved[: step.slot], at, *saved[step.slot + 1 :])))
            elif isinstance(step, Assert):
                if step.test(text, at):
                    todo.append((place + 1, saved))
            else:
                ready.append((place, saved))

    def _held(self, text: str, saved: _Saved) -> tuple[str, ...]:
        bounds = ((saved[start], saved[end]) for start, end in self._captures)
        return tuple(text[start:end] if 0 <= start <= end else "" for start, end in bounds)


def _takes(step: Instruction, char: str) -> bool:
    """Say whether an instruction takes a character."""
    if isinstance(step, Word):
        return step.char == char
    return isinstance(step, Any) or (isinstance(step, One) and step.test(char))
