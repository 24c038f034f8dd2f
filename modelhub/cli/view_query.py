"""Show what a query found, and how: as a table for people, as rows for programs."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence
from typing import Any

from modelhub.catalog import ReadTxn
from modelhub.cli.output import Output
from modelhub.cli.view_version import metric_text, version_document
from modelhub.dlv.listing import Listed, listed
from modelhub.dlv.resolve import format_rev
from modelhub.dlv.state import Repo
from modelhub.query.derived import Derived, DerivedVersion
from modelhub.query.run import Answer
from modelhub.query.versions import StoredVersion
from modelhub.report import human
from modelhub.report.page import Column, Grid, Lines
from modelhub.report.text import one_line

__all__ = ["answer_document", "show_answer"]

_VERSION = (
    Column("version", strong=True),
    Column("age", right=True, priority=2),
    Column("parents", flexible=True, priority=5),
    Column("params", right=True, priority=3),
    Column("size", right=True, priority=6),
    Column("metric", priority=1),
    Column("lossy"),
    Column("tags", flexible=True),
    Column("message", flexible=True, priority=4),
)
_DERIVED = (
    Column("name", strong=True),
    Column("from", flexible=True),
    Column("layers", right=True),
    Column("params", right=True),
    Column("kept", right=True),
    Column("fresh", right=True),
    Column("saved as"),
)


def answer_document(repo: Repo, answer: Answer) -> dict[str, Any]:
    """Return an answer for JSON.

    `rows` are the versions themselves where there is one column of them, else lists by `columns`.
    """
    with repo.catalog.read() as txn:
        values = [[_document(txn, value) for value in row] for row in answer.rows]
    document: dict[str, Any] = {
        "kind": answer.kind,
        "columns": answer.columns,
        "rows": [row[0] for row in values] if answer.is_versions else values,
        "notes": answer.notes,
    }
    if answer.steps is not None:
        document["steps"] = answer.steps
    if answer.saved_query:
        document["saved_query"] = answer.saved_query
    if answer.committed:
        document["saved"] = answer.committed
    return document


def _document(txn: ReadTxn, value: Any) -> Any:
    if isinstance(value, StoredVersion):
        return version_document(listed(txn, value.record))
    if isinstance(value, DerivedVersion):
        made = Derived(value, 0)
        return {
            "name": made.name,
            "id": made.id,
            "sources": made.sources,
            "layers": len(made.network().nodes),
            "parameters": made.parameters,
            "kept": len(made.kept),
            "fresh": len(made.fresh),
        }
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): _document(txn, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_document(txn, item) for item in value]
    return value


def show_answer(output: Output, repo: Repo, answer: Answer, *, quiet: bool) -> None:
    """Print an answer: the steps where they are asked for, rows, and what was saved."""
    if quiet:
        for row in answer.rows:
            output.line("  ".join(_text(value) for value in row))
        return
    if answer.plan:
        output.block(Lines(answer.plan))
    if answer.ran:
        if answer.rows:
            output.block(_grid(repo, answer))
        output.say(human.plural(len(answer.rows), "row"), "dim")
    for note in answer.notes:
        output.say(f"note: {note}", "yellow")
    if answer.saved_query:
        name = answer.saved_query
        what = "these versions" if answer.committed else "the query"
        output.say(f'saved; from "{name}" stands for {what}')


def _grid(repo: Repo, answer: Answer) -> Grid:
    if answer.is_versions and all(isinstance(row[0], StoredVersion) for row in answer.rows):
        now = time.time_ns()
        with repo.catalog.read() as txn:
            rows = [_facts(listed(txn, row[0].record), now) for row in answer.rows]
        return Grid(_VERSION, rows)
    if answer.is_versions and all(isinstance(row[0], DerivedVersion) for row in answer.rows):
        committed = answer.committed or [""] * len(answer.rows)
        return Grid(
            _DERIVED,
            [_made(row[0], rev) for row, rev in zip(answer.rows, committed, strict=True)],
        )
    columns = [
        Column(one_line(name), right=_is_number(answer.rows, at), flexible=True, asked_for=True)
        for at, name in enumerate(answer.columns)
    ]
    return Grid(columns, [[one_line(_text(value)) for value in row] for row in answer.rows])


def _facts(version: Listed, now_ns: int) -> tuple[str, ...]:
    return (
        version.rev,
        human.age(version.created_ns, now_ns),
        ", ".join(parent.text for parent in version.parents),
        human.count(version.values) if version.snapshots else "",
        human.size(version.logical_bytes),
        metric_text(version),
        "" if version.lossy is None else version.lossy.scheme,
        ", ".join(version.tags),
        one_line(version.message),
    )


def _made(version: DerivedVersion, rev: str) -> tuple[str, ...]:
    made = Derived(version, 0)
    return (
        made.name,
        ", ".join(made.sources),
        str(len(made.network().nodes)),
        human.count(made.parameters),
        str(len(made.kept)),
        str(len(made.fresh)),
        rev,
    )


def _is_number(rows: Sequence[Sequence[Any]], at: int) -> bool:
    return all(
        isinstance(row[at], int | float) and not isinstance(row[at], bool)
        for row in rows
        if row[at] is not None
    )


def _inner(value: Any) -> str:
    """Return a value of a group, in braces if it is a group itself."""
    return f"{{{_text(value)}}}" if isinstance(value, Mapping) else _text(value)


def _text(value: Any) -> str:
    """Return one value of a row as people read it."""
    if isinstance(value, StoredVersion):
        return format_rev(value.record)
    if isinstance(value, DerivedVersion):
        return value.name
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return human.number(value)
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_inner(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return str(value)
