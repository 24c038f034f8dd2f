r"""Compile the regular expressions of `matches`.

They are those that most languages share, less what makes matching slow or surprising: no
references back, no looking around, no lazy repeats.

    a b \. .  [a-z] [^0-9]  \d \w \s \D \W \S  ( ) (?: ) |  * + ? {2} {2,5} {2,}  ^ $ \b
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from dql.patterns import program
from dql.patterns.program import Instruction, PatternError, Program

__all__ = ["compile_regex"]

_REPEAT_MAX = 100
_NESTED_MAX = 30
_CLASSES: dict[str, Callable[[str], bool]] = {
    "d": str.isdecimal,
    "w": lambda char: char.isalnum() or char == "_",
    "s": str.isspace,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}


@lru_cache(maxsize=256)
def compile_regex(pattern: str) -> Program:
    """Compile a regular expression, which may match any part of a text.

    Raises:
        PatternError: The expression cannot be read.
    """
    reader = _Reader(pattern)
    code = reader.alternatives(0)
    if reader.at < len(pattern):
        raise PatternError("`)` closes nothing; write `\\)` for itself", reader.at)
    return Program(program.placed(code), whole=False)


def _is_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and _CLASSES["w"](text[at])


def _opposite(test: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda char: not test(char)


def _class_of(letter: str) -> Callable[[str], bool] | None:
    """Return the test of a class such as d, or of its opposite such as D."""
    test = _CLASSES.get(letter.lower())
    return _opposite(test) if test and letter.isupper() else test


class _Reader:
    """Reads an expression by recursive descent; groups nest at most _NESTED_MAX deep."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def _next(self) -> str:
        return self.pattern[self.at] if self.at < len(self.pattern) else ""

    def _take(self, text: str) -> bool:
        taken = self.pattern.startswith(text, self.at)
        self.at += len(text) if taken else 0
        return taken

    def alternatives(self, level: int) -> list[Instruction]:
        """Read up to the end or the bracket that closes the group."""
        if level > _NESTED_MAX:
            raise PatternError(f"groups nest deeper than {_NESTED_MAX} levels", self.at)
        parts = [self._sequence(level)]
        while self._take("|"):
            parts.append(self._sequence(level))
        return program.either(parts)

    def _sequence(self, level: int) -> list[Instruction]:
        code: list[Instruction] = []
        while self._next() not in ("", "|", ")"):
            start = self.at
            code += self._repeated(self._one(level), start)
            program.check_size(code)
        return code

    def _repeated(self, part: list[Instruction], start: int) -> list[Instruction]:
        bounds = self._bounds()
        if bounds is None:
            return part
        if self._next() and self._next() in "*+?{":
            raise PatternError("a repeat cannot be repeated; lazy repeats are not known", self.at)
        least, most = bounds
        if len(part) * max(least, most or 1) > program.INSTRUCTIONS_MAX:
            raise PatternError("the repeat makes the pattern too large", start)
        code = part * least
        if most is None:
            return [*code, *program.star(part)]
        for _ in range(most - least):
            code += [program.Split(1, len(part) + 1), *part]
        return code

    def _bounds(self) -> tuple[int, int | None] | None:
        """Return how often the part before is repeated; None if that is not said."""
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        start = self.at
        if not self._take("{"):
            return None
        end = self.pattern.find("}", start)
        least, comma, most = self.pattern[self.at : max(end, self.at)].partition(",")
        if not _is_count(least) or (most and not _is_count(most)):
            message = "expected a repeat such as {2}, {2,5} or {2,}; write `\\{` for itself"
            raise PatternError(message, start)
        self.at = end + 1
        low, high = int(least), (int(most) if most else None) if comma else int(least)
        if max(low, high or 0) > _REPEAT_MAX or (high is not None and high < low):
            raise PatternError(f"repeats go upwards, to at most {_REPEAT_MAX}", start)
        return low, high

    def _one(self, level: int) -> list[Instruction]:
        start = self.at
        char = self._next()
        self.at += 1
        if char == "(":
            if self._next() == "?" and not self._take("?:"):
                raise PatternError("of the groups with `?` only `(?:` is known", start)
            code = self.alternatives(level + 1)
            if not self._take(")"):
                raise PatternError("`(` is not closed; expected `)`", start)
            return code
        if char in "*+?{":
            raise PatternError(f"`{char}` has nothing before it to repeat", start)
        if char == "[":
            return [program.One(self._set(start))]
        if char == ".":
            return [program.Any()]
        if char == "^":
            return [program.Assert(lambda _, at: at == 0)]
        if char == "$":
            return [program.Assert(lambda text, at: at == len(text))]
        return self._escape(start) if char == "\\" else [program.Word(char)]

    def _escape(self, start: int) -> list[Instruction]:
        char = self._next()
        self.at += 1
        if char == "b":
            return [program.Assert(lambda text, at: _is_word(text, at - 1) != _is_word(text, at))]
        if test := _class_of(char) if char else None:
            return [program.One(test)]
        return [program.Word(self._plain(char, start))]

    def _plain(self, char: str, start: int) -> str:
        """Return the character that an escape stands for."""
        if char in _CONTROLS:
            return _CONTROLS[char]
        if not char or char.isalnum():
            raise PatternError(f"`\\{char}` has no meaning here", start)
        return char

    def _set(self, start: int) -> Callable[[str], bool]:
        """Read behind a `[`; return the test for the characters in the set."""
        negated = self._take("^")
        tests: list[Callable[[str], bool]] = []
        chars: set[str] = set()
        ranges: list[tuple[str, str]] = []
        first = True
        while first or self._next() != "]":
            first = False
            at = self.at
            char = self._next()
            self.at += 1
            if not char:
                raise PatternError("`[` is not closed; expected `]`", start)
            if char == "\\":
                char = self._next()
                self.at += 1
                if test := _class_of(char) if char else None:
                    tests.append(test)
                    continue
                char = self._plain(char, at)
            if self._next() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                last = self.pattern[self.at + 1]
                self.at += 2
                if last < char or last == "\\":
                    raise PatternError(f"the range `{char}-{last}` goes backwards", at)
                ranges.append((char, last))
            else:
                chars.add(char)
        self.at += 1

        def holds(char: str) -> bool:
            inside = char in chars or any(low <= char <= high for low, high in ranges)
            return (inside or any(each(char) for each in tests)) != negated

        return holds


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 3
