"""Show versions in lists and as JSON, one way for every verb that names them."""

from __future__ import annotations

from typing import Any

from modelhub.cli.view_lossy import lossy_document
from modelhub.dlv.listing import Listed
from modelhub.report import human

__all__ = ["metric_text", "sizes_text", "version_document"]


def version_document(version: Listed) -> dict[str, Any]:
    """Return a version for JSON."""
    return {
        "name": version.name,
        "version": version.version,
        "rev": version.rev,
        "id": version.id,
        "created": human.iso(version.created_ns),
        "created_ns": version.created_ns,
        "author": version.author,
        "message": version.message,
        "parents": [parent.rev or parent.id.hex() for parent in version.parents],
        "parent_ids": [parent.id for parent in version.parents],
        "snapshots": version.snapshots,
        "tensors": version.tensors,
        "parameters": version.values,
        "associated_files": version.files,
        "logical_bytes": version.logical_bytes,
        "stored_bytes": version.stored_bytes,
        "tags": version.tags,
        "metric": None
        if version.metric is None
        else {"name": version.metric[0], "value": version.metric[1]},
        "lossy": lossy_document(version.lossy),
    }


def metric_text(version: Listed) -> str:
    """Return the headline metric, such as `accuracy 0.991`."""
    if version.metric is None:
        return ""
    name, value = version.metric
    return f"{name} {human.number(value)}"


def sizes_text(version: Listed) -> str:
    """Return what came in and what its commit added."""
    return f"{human.size(version.logical_bytes)}, stored {human.size(version.stored_bytes)}"
