"""Turn any text into a name that a network may hold, the same way each time.

Other formats name tensors and nodes as they like (`onnx::MatMul_12`, `/layer1/conv/Conv`). A clean
name has words of letters, digits, `_` and `-`, joined by dots. Rules, in order: `/` is a dot; every
other character that is none of these becomes `_`; empty words go; a word that begins with `-`, or
that every torch module has as a method (`half`), gets a `_`; a long name is cut. Names that are
then equal, or would be a tensor and a module at once, are told apart by `_1`, `_2`, ... in the
order of the texts they came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from modelhub.net.arguments import NAME_LENGTH_MAX

__all__ = ["Unique", "by_clean_name", "clean", "clean_names"]

_T = TypeVar("_T")

_OTHER = re.compile(r"[^A-Za-z0-9_.-]")
# fmt: off
_METHODS = frozenset((
    "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile", "cpu",
    "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer",
    "get_extra_state", "get_parameter", "get_submodule", "half", "ipu", "load_state_dict",
    "modules", "mtia", "named_buffers", "named_children", "named_modules", "named_parameters",
    "parameters", "register_backward_hook", "register_buffer", "register_forward_hook",
    "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_module", "register_parameter",
    "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_",
    "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train",
    "training", "type", "xpu", "zero_grad", "T_destination",
))
# fmt: on
# Room for the numbers that tell equal names apart.
_LENGTH_MAX = NAME_LENGTH_MAX - 12


class Unique:
    """Gives names that differ from each other and from those in use, in the order of the asking."""

    def __init__(self, used: Iterable[str]) -> None:
        self._used = {*used}
        self._numbers: dict[str, int] = {}

    def name(self, start: str) -> str:
        """Return `start`, or `start_1`, `start_2`, ...: the first that is free."""
        # Names are never given back, so the search goes on where it ended for the same start.
        number = self._numbers.get(start, 0)
        name = f"{start}_{number}" if number else start
        while name in self._used:
            number += 1
            name = f"{start}_{number}"
        self._numbers[start] = number
        self._used.add(name)
        return name


def clean(text: str) -> str:
    """Return a clean name for one text; names of different texts may be equal."""
    words = [_word(word) for word in _OTHER.sub("_", text.replace("/", ".")).split(".") if word]
    return ".".join(words)[:_LENGTH_MAX].rstrip(".") or "_"


def _word(word: str) -> str:
    if word.startswith("-"):
        return f"_{word}"
    return f"{word}_" if word in _METHODS or word.startswith("_mh_") else word


def clean_names(texts: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a clean name for each text; they differ, and none is a module of another.

    The order of the texts does not matter. Texts that are clean names already keep them, unless
    they would be both a tensor and a module.

    Args:
        taken: Clean names that are in use.
    """
    wished = {text: clean(text) for text in sorted(set(texts))}
    modules = {
        ".".join(parts[:end])
        for name in (*wished.values(), *taken)
        for parts in [name.split(".")]
        for end in range(1, len(parts))
    }
    unique = Unique((*taken, *modules))
    found: dict[str, str] = {}
    # Texts that need no change come first, so that they are the ones that keep their names.
    for text in sorted(wished, key=lambda text: wished[text] != text):
        found[text] = unique.name(wished[text])
    return found


def by_clean_name(values: Mapping[str, _T], wanted: Iterable[str]) -> Mapping[str, _T]:
    """Return values by their own names and, where a wanted name is missing, by clean ones too.

    Args:
        values: What a weights file names as it likes: its tensors, or facts about them.
        wanted: The names that a network uses.
    """
    if all(name in values for name in wanted):
        return values
    clean = clean_names(values)
    return {**{clean[name]: value for name, value in values.items()}, **values}
