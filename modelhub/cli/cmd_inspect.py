"""`modelhub inspect`: show what a file is made of."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.dlv.inspect import Inspection, inspect
from modelhub.errors import UsageError
from modelhub.report import human
from modelhub.report.page import Column, Facts, Grid, Page

__all__ = ["configure", "run"]

_SHORT_ID = 12
# The columns whose values are numbers of bytes.
_BYTES = frozenset({"raw_bytes", "stored_bytes", "bytes", "size"})
_RIGHT = frozenset({*_BYTES, "depth", "offset", "tensors", "rows", "storage"})
_TITLES = {"segment_bytes": "segments"}
# A narrow terminal loses the column with the highest number first.
_PRIORITY = {
    "view": 1,
    "base": 2,
    "codecs": 3,
    "offset": 4,
    "segment_bytes": 5,
    "storage": 6,
    "layout": 7,
}
# Told in the JSON document alone.
_HIDDEN = frozenset({"segment_bits"})


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="a file of a repository, compressed, or weights"
    )
    parser.add_argument(
        "--verify", action="store_true", help="check every block of a pack; status 1 if damaged"
    )
    parser.add_argument("--limit", metavar="N", type=int, help="show at most N entries")


def run(context: Context, values: argparse.Namespace) -> int:
    """Show the file."""
    if values.limit is not None and values.limit < 0:
        raise UsageError(f"limit {values.limit}", expected="0 or more")
    output = Output(context)
    found = inspect(values.file, verify=values.verify)
    entries = found.entries[: values.limit]
    output.document(
        {
            "kind": found.kind,
            "path": found.path,
            "size": found.size,
            "facts": found.facts,
            "entries": entries,
            "ok": found.problem is None,
            "problem": None if found.problem is None else str(found.problem),
        }
    )
    output.page(_page(found, entries))
    return 0 if found.problem is None else 1


def _page(found: Inspection, entries: tuple[Mapping[str, Any], ...]) -> Page:
    facts = [("size", human.size(found.size))]
    facts += [(key.replace("_", " "), _fact(key, value)) for key, value in found.facts.items()]
    if found.problem is not None:
        facts.append(("damaged", str(found.problem)))
    left_out = len(found.entries) - len(entries)
    note = f"and {left_out} more" if left_out else ""
    keys = [key for key in entries[0] if key not in _HIDDEN] if entries else []
    columns = [
        Column(
            _TITLES.get(key, key.removesuffix("_bytes").replace("_", " ")),
            right=key in _RIGHT,
            strong=index == 0,
            priority=_PRIORITY.get(key, 0),
        )
        for index, key in enumerate(keys)
    ]
    rows = [[_cell(key, entry[key]) for key in keys] for entry in entries]
    return Page(str(found.path), (Facts(facts), Grid(columns, rows, "", note)), found.kind)


def _fact(key: str, value: Any) -> str:
    if key.endswith("_bytes"):
        return human.size(value)
    return str(value)


def _cell(key: str, value: Any) -> str:
    if key in ("id", "base"):
        return str(value)[:_SHORT_ID]
    if key == "shape":
        return "x".join(map(str, value)) or "scalar"
    if key == "segment_bytes":
        return "+".join(map(str, value))
    if key == "codecs":
        return ", ".join(f"{name} {count}" for name, count in value.items() if count)
    if value is None:
        return "-"
    return human.size(value) if key in _BYTES else str(value)
