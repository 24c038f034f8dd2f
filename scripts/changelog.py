"""Assemble CHANGELOG.md from the fragments in changelog.d/.

A *fragment* is one change in one file, `changelog.d/WHAT.KIND.md`, a paragraph for users. Fragments
keep two people's changes from meeting in one file; a release gathers them and removes them.

    python scripts/changelog.py                      print what the next release would say
    python scripts/changelog.py --release 0.1.0      write it into CHANGELOG.md
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from pathlib import Path

__all__ = ["FragmentError", "assemble", "insert"]

# In the order in which a reader wants them.
KINDS = {
    "added": "Added",
    "changed": "Changed",
    "fixed": "Fixed",
    "removed": "Removed",
    "security": "Security",
}
FOLDER = Path("changelog.d")
CHANGELOG = Path("CHANGELOG.md")
# Stands in CHANGELOG.md where the next release goes.
MARK = "<!-- The next release goes here: scripts/changelog.py -->\n"

_NAME = re.compile(r"(?P<slug>[a-z0-9][a-z0-9-]*)\.(?P<kind>[a-z]+)\.md")


class FragmentError(Exception):
    """A fragment's name or text cannot be used."""


def fragments(folder: Path) -> list[Path]:
    """Return the fragments in order of their names; README.md is not one."""
    return sorted(path for path in folder.iterdir() if path.name != "README.md")


def assemble(paths: list[Path]) -> str:
    """Return the sections of a release.

    Raises:
        FragmentError: a file is not named WHAT.KIND.md, or is empty.
    """
    entries: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for path in paths:
        match = _NAME.fullmatch(path.name)
        if match is None or match["kind"] not in KINDS:
            raise FragmentError(f"{path}: name it WHAT.KIND.md, KIND one of {', '.join(KINDS)}")
        text = path.read_text(encoding="utf-8").strip()
        if not text:
            raise FragmentError(f"{path}: the file is empty; say what changed, for users")
        entries[match["kind"]].append("- " + text.replace("\n", "\n  "))
    sections = [
        f"### {KINDS[kind]}\n\n" + "\n".join(texts) + "\n"
        for kind, texts in entries.items()
        if texts
    ]
    return "\n".join(sections)


def insert(changelog: str, version: str, day: str, sections: str) -> str:
    """Return the changelog with a release put in below the mark.

    Raises:
        FragmentError: the mark is missing, or the release is there already.
    """
    if MARK not in changelog:
        raise FragmentError(f"{CHANGELOG} has lost its line {MARK.strip()!r}")
    if f"\n## {version} " in changelog:
        raise FragmentError(f"{CHANGELOG} has a release {version} already")
    return changelog.replace(MARK, f"{MARK}\n## {version} ({day})\n\n{sections}")


def main() -> int:
    """Print or write the next release and return the exit status."""
    parser = argparse.ArgumentParser(description="Assemble CHANGELOG.md from changelog.d/.")
    parser.add_argument("--release", metavar="VERSION", help="write it, and remove the fragments")
    version = parser.parse_args().release
    paths = fragments(FOLDER)
    try:
        sections = assemble(paths)
        if version is None:
            print(sections, end="")
            return 0
        day = datetime.date.today().isoformat()
        changed = insert(CHANGELOG.read_text(encoding="utf-8"), version, day, sections)
    except FragmentError as error:
        print(error, file=sys.stderr)
        return 1
    CHANGELOG.write_text(changed, encoding="utf-8")
    for path in paths:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
