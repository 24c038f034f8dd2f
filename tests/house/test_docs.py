"""Links lead somewhere, and what the documents say about the code is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from modelhub.errors import KINDS

_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_PATH = re.compile(r"`((?:modelhub|csrc|dql|tests|docs|scripts|bench)/[\w/.\-]*)`")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _anchors(text: str) -> set[str]:
    """Return the anchors that the headings make: lower case, hyphens for blanks."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


def _documents(tree: Any) -> list[Path]:
    return [path for path in tree.files if path.suffix == ".md"]


def test_links_lead_somewhere(tree: Any) -> None:
    broken = []
    for path in _documents(tree):
        for link in _LINK.findall(_FENCE.sub("", tree.read(path))):
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            there = (tree.root / path.parent / target).resolve() if target else tree.root / path
            if not there.exists():
                broken.append(f"{path}: {link}")
            elif anchor and anchor not in _anchors(_FENCE.sub("", there.read_text())):
                broken.append(f"{path}: {link} (no such heading)")
    assert broken == []


def test_every_document_can_be_reached_from_the_readme(tree: Any) -> None:
    """By links from README.md, to it or a folder above; what nobody links to is not read."""
    reached, todo = set(), [Path("README.md"), Path("CONTRIBUTING.md")]
    while todo:
        path = todo.pop()
        if path in reached or path.suffix != ".md":
            continue
        reached.add(path)
        for link in _LINK.findall(tree.read(path)):
            there = (tree.root / path.parent / link.partition("#")[0]).resolve()
            if there.is_file() and there.is_relative_to(tree.root):
                todo.append(there.relative_to(tree.root))
            elif there.is_dir() and there.is_relative_to(tree.root):
                folder = there.relative_to(tree.root)
                todo += [document for document in _documents(tree) if folder in document.parents]
    fragments = {path for path in tree.under("changelog.d") if path.name != "README.md"}
    documents = {path for path in _documents(tree) if path.parts[0] != "tests"}
    assert sorted(map(str, documents - reached - fragments)) == []


def test_every_error_kind_is_documented(tree: Any) -> None:
    text = tree.read(Path("docs/errors.md"))
    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []


def test_decision_records_are_numbered_without_gaps(tree: Any) -> None:
    records = [p for p in tree.under("docs") if p.parts[1] == "adr" and p.name != "README.md"]
    numbers = [int(path.name[:4]) for path in records]
    assert numbers == list(range(1, len(numbers) + 1))
    for path in records:
        text = tree.read(path)
        assert all(f"\n## {part}" in text for part in ("Context", "Decision", "Consequences")), path


def test_names_of_folders_in_the_architecture_exist(tree: Any) -> None:
    """A path in back quotes in docs/architecture.md is there, unless its row says `later`."""
    lines = tree.read(Path("docs/architecture.md")).splitlines()
    missing = [
        f"{number}: {name}"
        for number, line in enumerate(lines, start=1)
        if "later" not in line
        for name in re.findall(
            r"`((?:modelhub|csrc|dql|tests|docs|scripts|bench)/[\w/.\-]*)`", line
        )
        if not (tree.root / name).exists()
    ]
    assert missing == []
