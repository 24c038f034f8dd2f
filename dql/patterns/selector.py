r"""Compile the patterns of selectors, `m["conv[1,3,5]"]`, and of `like`.

A selector's pattern must match a node's whole name; upper and lower case differ.

| in the pattern | takes |
|---|---|
| `*` | any characters, also none, also dots |
| `?` | one character |
| `[1,3,5]` | one of the texts between the commas: `conv[1,10]` is conv1 or conv10 |
| `[1-5]` | one of the numbers from 1 to 5; among the texts: `[1-3,8]` |
| `[a-c]` | one of the letters from a to c |
| `($1)` | nothing; captures what the wildcard before it took; behind none, is one like `*` |
| `\` | the next character as it is |
| any other | itself |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from dql.patterns import program
from dql.patterns.program import Instruction, PatternError, Program

__all__ = ["Selector", "compile_like", "compile_selector", "fill"]

_CAPTURE = re.compile(r"\(\$([1-9])\)")
_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})")
_LETTERS = re.compile(r"([a-z])-([a-z])|([A-Z])-([A-Z])")
_REFERENCE = re.compile(r"\$([1-9])")
# Numbers that a range may span: each is a text of its own in the program.
_SPAN_MAX = 100
# Thousands of networks have the same names of nodes: what was matched is not matched again.
_KNOWN_MAX = 10_000
_WILD: dict[str, list[Instruction]] = {"*": program.star([program.Any()]), "?": [program.Any()]}


@dataclass(frozen=True, slots=True)
class Selector:
    """A compiled selector; `numbers` are those of its captures, in order."""

    program: Program
    numbers: tuple[int, ...]
    _known: dict[str, dict[int, str] | None] = field(
        default_factory=dict, compare=False, repr=False
    )

    def match(self, name: str) -> dict[int, str] | None:
        """Return the captures by number, or None if the name does not match."""
        if name in self._known:
            found = self._known[name]
        else:
            held = self.program.match(name)
            found = None if held is None else dict(zip(self.numbers, held, strict=True))
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[name] = found
        return None if found is None else dict(found)


@lru_cache(maxsize=256)
def compile_selector(pattern: str) -> Selector:
    """Compile a selector's pattern.

    Raises:
        PatternError: The pattern cannot be read.
    """
    code: list[Instruction] = []
    held: dict[int, tuple[int, int]] = {}
    at, slot, bounded = 0, 0, False
    while at < len(pattern):
        char = pattern[at]
        if found := _CAPTURE.match(pattern, at):
            if int(found[1]) in held:
                raise PatternError(f"the capture {found[0]} stands twice", at)
            if not bounded:
                code += _saved(_WILD["*"], slot)
                slot += 2
            held[int(found[1])] = (slot - 2, slot - 1)
            at, bounded = found.end(), False
        elif char in "*?[":
            end = _closing(pattern, at) if char == "[" else at + 1
            part = _choices(pattern, at, end) if char == "[" else _WILD[char]
            code += _saved(part, slot)
            at, slot, bounded = end, slot + 2, True
        else:
            at = _escaped(pattern, at)
            code.append(program.Word(pattern[at]))
            at, bounded = at + 1, False
        program.check_size(code)
    numbers = tuple(sorted(held))
    placed = program.placed(code)
    return Selector(Program(placed, [held[each] for each in numbers], whole=True), numbers)


@dataclass(frozen=True, slots=True)
class Like:
    """A compiled pattern of `like` in which `%` alone is wild: the texts between them, in order."""

    parts: tuple[str, ...]

    def match(self, text: str) -> tuple[str, ...] | None:
        """Return no captures, as `Program.match`, or None if the text does not match."""
        if len(text) > program.TEXT_CHARS_MAX:
            return None
        first, last = self.parts[0], self.parts[-1]
        if len(self.parts) == 1:
            return () if text == first else None
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return None
        for part in self.parts[1:-1]:
            at = text.find(part, at, end)
            if at < 0:
                return None
            at += len(part)
        return ()


@lru_cache(maxsize=256)
def compile_like(pattern: str) -> Program | Like:
    r"""Compile a pattern of `like`: `%` takes any characters, `_` one, `\` the next as it is.

    It must match the whole text; upper and lower case differ.

    Raises:
        PatternError: The pattern cannot be read.
    """
    code: list[Instruction] = []
    parts, only_any = [""], True
    at = 0
    while at < len(pattern):
        if pattern[at] == "%":
            code += _WILD["*"]
            parts.append("")
        elif pattern[at] == "_":
            code += _WILD["?"]
            only_any = False
        else:
            at += pattern[at] == "\\"
            if at == len(pattern):
                raise PatternError("a `\\` at the end has no character behind it", at - 1)
            code.append(program.Word(pattern[at]))
            parts[-1] += pattern[at]
        at += 1
    program.check_size(code)
    return Like(tuple(parts)) if only_any else Program(program.placed(code), whole=True)


def fill(template: str, captures: Mapping[int, str]) -> str:
    """Return a name in which `$1` to `$9` are what was captured.

    Raises:
        PatternError: A number was not captured.
    """
    for found in _REFERENCE.finditer(template):
        if int(found[1]) not in captures:
            message = f"`{found[0]}` was not captured; the selector has no `({found[0]})`"
            raise PatternError(message, found.start())
    return _REFERENCE.sub(lambda found: captures[int(found[1])], template)


def _saved(part: list[Instruction], slot: int) -> list[Instruction]:
    return [program.Save(slot), *part, program.Save(slot + 1)]


def _escaped(pattern: str, at: int) -> int:
    """Return where the character stands that is meant at a place."""
    char = pattern[at]
    if char == "\\":
        if at + 1 == len(pattern):
            raise PatternError("a `\\` at the end has no character behind it", at)
        return at + 1
    if char in "])":
        raise PatternError(f"`{char}` closes nothing; write `\\{char}` for itself", at)
    if char == "(":
        raise PatternError("`(` begins a capture such as ($1); write `\\(` for itself", at)
    return at


def _closing(pattern: str, at: int) -> int:
    """Return the place behind the `]` that closes the `[` at a place."""
    end = pattern.find("]", at)
    if end < 0:
        raise PatternError("`[` is not closed; expected `]`", at)
    return end + 1


def _choices(pattern: str, start: int, end: int) -> list[Instruction]:
    """Return a part that takes one of the texts that a bracket stands for."""
    texts: list[str] = []
    at = start + 1
    for item in pattern[start + 1 : end - 1].split(","):
        word = item.strip()
        if not word:
            raise PatternError("expected texts between commas, such as `[1,3,5]`", at)
        if found := _RANGE.fullmatch(word):
            first, last = int(found[1]), int(found[2])
            if not 0 <= last - first < _SPAN_MAX:
                message = f"`{word}` must count upwards, over at most {_SPAN_MAX} numbers"
                raise PatternError(message, at)
            texts += map(str, range(first, last + 1))
        elif _LETTERS.fullmatch(word):
            if word[0] > word[2]:
                raise PatternError(f"`{word}` must go forwards in the alphabet", at)
            texts += map(chr, range(ord(word[0]), ord(word[2]) + 1))
        else:
            texts.append(word)
        at += len(item) + 1
    return program.either([[program.Word(char) for char in text] for text in texts])
