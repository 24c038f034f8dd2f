"""Turn what a query found into plain values: what people and programs are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dql.backend import Version
from dql.memory.graph import NodeSet
from dql.memory.values import Series, Several
from modelhub.query.derived import DerivedVersion
from modelhub.query.versions import StoredVersion

__all__ = ["is_version", "named", "plain_of"]


def is_version(value: Any) -> bool:
    """Say whether a value of a row is a version, stored or derived."""
    return isinstance(value, StoredVersion | DerivedVersion)


def plain_of(value: Any) -> Any:
    """Return a value of a row without types of the language; versions stay as they are.

    Several values become a list, nodes the list of their names, a metric its last value, settings
    a dictionary.
    """
    if isinstance(value, Series):
        return value.items[-1] if value.items else None
    if isinstance(value, Several):
        return [plain_of(item) for item in value.items]
    if isinstance(value, NodeSet):
        return list(value.names)
    if isinstance(value, Mapping):
        return {str(key): plain_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_of(item) for item in value]
    return value


def named(version: Version) -> str:
    """Return a version in words: its revision, or the name of a derived one."""
    if isinstance(version, StoredVersion):
        return f"{version.name}@{version.sequence}"
    return str(version.attributes.get("name"))
