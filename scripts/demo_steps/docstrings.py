"""Collect what the standard library's functions are called and what they say they do."""

from __future__ import annotations

import ast
import random
import sysconfig
from pathlib import Path

__all__ = ["Pair", "pairs"]

Pair = tuple[str, str]

# Shorter sentences say too little to be told apart.
_SENTENCE_CHARS_MIN = 25


def pairs(seed: int) -> list[Pair]:
    """Return (name in words, first sentence of the docstring) in an order fixed by the seed."""
    found: dict[str, Pair] = {}
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                sentence = _first_sentence(ast.get_docstring(node) or "")
                if len(sentence) >= _SENTENCE_CHARS_MIN:
                    found.setdefault(sentence, (_words(path.stem, node.name), sentence))
    ordered = list(found.values())
    random.Random(seed).shuffle(ordered)
    return ordered


def _first_sentence(docstring: str) -> str:
    return " ".join(docstring.split("\n\n")[0].split()).split(". ")[0]


def _words(module: str, name: str) -> str:
    """Part `module.someName_here` into words."""
    spaced = "".join(f" {char}" if char.isupper() else char for char in name)
    return f"{module} {spaced.replace('_', ' ')}"
