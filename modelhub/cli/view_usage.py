"""Show what a repository takes on disk: by version, by tensor, by pack, and in all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelhub.dlv.usage import PackUsage, Usage, VersionUsage
from modelhub.dlv.usage_tensors import ALONE, FIXED, TensorUsage
from modelhub.report import human
from modelhub.report.page import Column, Facts, Grid

__all__ = [
    "packs_document",
    "packs_grid",
    "tensors_document",
    "tensors_grid",
    "total_facts",
    "usage_document",
    "versions_document",
    "versions_grid",
]


def usage_document(result: Usage) -> dict[str, Any]:
    """Return the totals and the versions for JSON."""
    return {
        "logical_bytes": result.logical_bytes,
        "stored_bytes": result.stored_bytes,
        "far_bytes": result.far_bytes,
        "catalog_bytes": result.catalog_bytes,
        "unneeded_bytes": result.unneeded_bytes,
        "pack_count": result.packs,
        "objects": result.objects,
        "versions": versions_document(result.versions),
    }


def versions_document(rows: Sequence[VersionUsage]) -> list[dict[str, Any]]:
    """Return versions for JSON."""
    return [
        {
            "name": row.name,
            "version": row.version,
            "rev": row.rev,
            "id": row.id,
            "logical_bytes": row.logical_bytes,
            "held_bytes": row.held_bytes,
            "unique_bytes": row.unique_bytes,
            "shared_bytes": row.shared_bytes,
        }
        for row in rows
    ]


def tensors_document(rows: Sequence[TensorUsage]) -> list[dict[str, Any]]:
    """Return tensors for JSON; `name` is the first of `names`, empty for a mere base."""
    return [
        {
            "name": next(iter(row.names), ""),
            "names": row.names,
            "revs": row.revs,
            "id": row.id,
            "dtype": row.dtype,
            "shape": row.shape,
            "logical_bytes": row.logical_bytes,
            "stored_bytes": row.stored_bytes,
            "stored_as": row.stored_as,
            "base": row.base,
            "base_name": row.base_name,
            "base_rev": row.base_rev,
            "depth": row.depth,
            "recreation_bytes": row.recreation_bytes,
            "versions": row.versions,
        }
        for row in rows
    ]


def packs_document(rows: Sequence[PackUsage]) -> list[dict[str, Any]]:
    """Return packs for JSON."""
    return [
        {
            "pack": row.name,
            "bytes": row.size,
            "far_bytes": row.far_bytes,
            "modified": human.iso(row.modified_ns),
            "age_seconds": row.age_seconds,
            "entries": row.entries,
            "dead_entries": row.dead_entries,
            "live_bytes": row.live_bytes,
            "dead_bytes": row.dead_bytes,
            "versions": row.versions,
        }
        for row in rows
    ]


def versions_grid(rows: Sequence[VersionUsage], count: int) -> Grid:
    """Return a table of versions; `count` is how many there are."""
    columns = (
        Column("version", strong=True),
        Column("logical", right=True),
        Column("held", right=True),
        Column("unique", right=True),
        Column("shared", right=True),
    )
    shown = [
        (
            row.rev,
            human.size(row.logical_bytes),
            human.size(row.held_bytes),
            human.size(row.unique_bytes),
            human.size(row.shared_bytes),
        )
        for row in rows
    ]
    return Grid(columns, shown, note=_more(len(rows), count))


def tensors_grid(rows: Sequence[TensorUsage], count: int) -> Grid:
    """Return a table of tensors; `count` is how many there are."""
    columns = (
        Column("tensor", strong=True, flexible=True),
        Column("in", flexible=True),
        Column("dtype", priority=3),
        Column("shape", priority=4),
        Column("logical", right=True, priority=2),
        Column("stored", right=True),
        Column("as", flexible=True),
        Column("depth", right=True, priority=1),
        Column("read", right=True),
        Column("versions", right=True),
    )
    shown = [
        (
            _first(row.names) or row.id.hex()[:10],
            _first(row.revs) or "only a base",
            row.dtype,
            "x".join(map(str, row.shape)) or "scalar",
            human.size(row.logical_bytes),
            human.size(row.stored_bytes),
            _stored_as(row),
            str(row.depth),
            human.size(row.recreation_bytes),
            str(row.versions),
        )
        for row in rows
    ]
    return Grid(columns, shown, note=_more(len(rows), count))


def packs_grid(rows: Sequence[PackUsage], count: int) -> Grid:
    """Return a table of packs; `count` is how many there are."""
    columns = (
        Column("pack", strong=True),
        Column("age", right=True),
        Column("entries", right=True),
        Column("size", right=True),
        Column("live", right=True),
        Column("dead", right=True),
        Column("versions", right=True),
    )
    shown = [
        (
            row.name.hex()[:16],
            human.age(0, int(row.age_seconds * 1e9)),
            str(row.entries),
            human.size(row.size),
            human.size(row.live_bytes),
            human.size(row.dead_bytes),
            str(row.versions),
        )
        for row in rows
    ]
    return Grid(columns, shown, note=_more(len(rows), count))


def total_facts(result: Usage) -> Facts:
    """Return what the whole repository takes."""
    stored = f"{human.size(result.stored_bytes)} in {human.plural(result.packs, 'pack')}"
    if result.logical_bytes:
        stored += f", {human.saved(result.logical_bytes, result.stored_bytes + result.far_bytes)}"
    unneeded = human.size(result.unneeded_bytes) + ", freed by `modelhub gc`"
    return Facts(
        (
            ("logical", human.size(result.logical_bytes)),
            ("stored", stored),
            ("in the tier", human.size(result.far_bytes) if result.far_bytes else ""),
            ("catalog", human.size(result.catalog_bytes)),
            ("not needed", unneeded if result.unneeded_bytes else ""),
        )
    )


def _first(texts: Sequence[str]) -> str:
    """Return the first of several texts, and how many there are besides."""
    if not texts:
        return ""
    return texts[0] + (f" +{len(texts) - 1}" if len(texts) > 1 else "")


def _stored_as(row: TensorUsage) -> str:
    if row.stored_as in (ALONE, FIXED):
        return row.stored_as
    if row.base_name:
        # The name says nothing new where it is the tensor's own.
        base = row.base_rev if row.base_name in row.names else f"{row.base_rev} {row.base_name}"
    else:
        base = row.base.hex()[:10] if row.base else ""
    return f"{row.stored_as} on {base}"


def _more(shown: int, count: int) -> str:
    return f"the {shown} largest of {count}; more with --limit" if shown < count else ""
