"""Offer the words that may come next in a query: those of the language and of the repository."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from dql.ast.words import (
    ACTIONS,
    FUNCTIONS,
    KEYWORDS,
    TEMPLATE_ATTRIBUTES,
    TEMPLATES,
    VERSION_ATTRIBUTES,
)
from modelhub.dlv.state import Repo
from modelhub.query import saved

__all__ = ["Words", "offered", "words_of"]

# Of a large repository as many are looked at; whoever has more types a few letters first.
_NAMES_MAX = 5_000
_VERSIONS_MAX = 2_000
_NODES_MAX = 5_000

_NODE_WORDS = ("name", "kind", "next", "prev")
_METRIC = re.compile(r"\.\s*metrics\s*\.\s*[\w-]*$")
_SETTING = re.compile(r"\.\s*(config|metadata)\s*\.\s*[\w.-]*$")
_MEMBER = re.compile(r"([\w\]\)])\s*\.\s*\w*$")
_QUOTED = re.compile(r"""(\[)?\s*["']([^"'\n]*)$""")
_HAS = re.compile(r"(\bhas|->[!*]?|\||=)\s*(not\s+)?\w*$", re.IGNORECASE)
_TEMPLATE = re.compile(r"\b([A-Za-z_0-9]+)\s*\([^()\"']*$")
_WORD = re.compile(r"[\w]*$")
_NAME = re.compile(r"[\w.\-]*$")


@dataclass(slots=True)
class Words:
    """What a repository has names for."""

    models: list[str] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)


def words_of(repo: Repo) -> Words:
    """Return the names in a repository: of its models, and of what its newest versions have."""
    metrics: dict[str, None] = {}
    settings: dict[str, None] = {}
    nodes: dict[str, None] = {}
    with repo.catalog.read() as txn:
        models = list(islice(txn.names(), _NAMES_MAX))
        seen: set[bytes] = set()
        for version in islice(txn.by_time(reverse=True), _VERSIONS_MAX):
            metadata = txn.metadata(version.id)
            settings |= dict.fromkeys(metadata)
            metrics |= dict.fromkeys(txn.series(version.id))
            metrics |= {
                key: None
                for key, value in metadata.items()
                if isinstance(value, int | float) and not isinstance(value, bool)
            }
            if version.network in seen or len(nodes) >= _NODES_MAX:
                continue
            seen.add(version.network)
            outline = txn.outline(version.network)
            if outline is not None:
                nodes |= dict.fromkeys(outline.names)
    return Words(
        models=models,
        metrics=sorted(metrics),
        settings=sorted({key.removeprefix("config.") for key in settings}),
        nodes=list(islice(nodes, _NODES_MAX)),
        queries=saved.names(repo.layout),
    )


def offered(before: str, words: Words) -> Iterator[tuple[str, str]]:
    """Yield pairs of what is written already of a word and a word that it may become.

    Args:
        before: The query up to the cursor.
    """
    quoted = _QUOTED.search(before)
    if quoted and before.count('"') % 2 + before.count("'") % 2:
        names = words.nodes if quoted[1] else [*words.queries, *words.models]
        yield from _beginning(quoted[2], names)
        return
    begun = _found(_WORD, before)
    if _METRIC.search(before):
        yield from _beginning(begun, words.metrics)
    elif setting := _SETTING.search(before):
        typed = _found(_NAME, setting[0].split(".", 2)[2])
        yield from _beginning(typed, words.settings)
    elif _MEMBER.search(before):
        yield from _beginning(begun, [*VERSION_ATTRIBUTES, *_NODE_WORDS, *ACTIONS])
    elif template := _TEMPLATE.search(before):
        kind = template[1].upper()
        known = TEMPLATE_ATTRIBUTES.get(kind, ())
        yield from _beginning(begun, known or _general())
    elif _HAS.search(before):
        yield from _beginning(begun, [*TEMPLATES, *_general()])
    elif begun:
        yield from _beginning(begun, _general())


def _general() -> list[str]:
    return [*KEYWORDS, *FUNCTIONS]


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return "" if match is None else match[0]


def _beginning(begun: str, words: Iterable[str]) -> Iterator[tuple[str, str]]:
    lower = begun.lower()
    for word in dict.fromkeys(words):
        if word.lower().startswith(lower) and word != begun:
            yield begun, word
