"""Make a commit's content of what a Python program holds: arrays, modules, paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelhub.dlv.commit import MAIN_LABEL, Content
from modelhub.dlv.sources import ArraySource, FileSource, Source, expand
from modelhub.errors import BadInputError, UsageError

__all__ = ["content_of"]


def content_of(
    weights: Any,
    snapshots: Mapping[str, Any],
    files: Sequence[str | Path],
    metadata: Mapping[str, Any],
    series: Mapping[str, Sequence[tuple[float, float]]],
) -> Content:
    """Return what to commit.

    Raises:
        UsageError: there is nothing to commit.
        BadInputError: a value is of a type that cannot be stored.
    """
    groups = [(label, _sources(value, label)) for label, value in snapshots.items()]
    if weights is not None:
        groups.append((MAIN_LABEL, _sources(weights, "weights")))
    associated = [source for path in files for source in expand(Path(path))]
    if not groups and not associated:
        raise UsageError("there is nothing to commit", expected="weights, snapshots or files")
    found: dict[str, Any] = {}
    for source in [s for _, group in groups[-1:] for s in group]:
        found.update(source.metadata)
    found.update({key: _scalar(key, value) for key, value in metadata.items()})
    points = {
        name: [(float(step), float(value)) for step, value in pairs]
        for name, pairs in series.items()
    }
    plain = [_as_file(source) for source in associated]
    return Content(groups, plain, found, points)


def _sources(value: Any, what: str) -> list[Source]:
    if isinstance(value, str | Path):
        return list(expand(Path(value)))
    state = getattr(value, "state_dict", None)
    arrays = state() if callable(state) else value
    if not isinstance(arrays, Mapping):
        raise BadInputError(
            f"{what} of type {type(value).__name__}",
            expected="arrays by tensor name, an object with state_dict(), or a path",
        )
    return [ArraySource(arrays)]


def _as_file(source: FileSource) -> FileSource:
    """Return an associated file as such, also where it is a container."""
    return FileSource(source.path, source.source, "file", source.size, 0, source.stamp)


def _scalar(key: str, value: Any) -> str | int | float | bool:
    """Return a metadata value as a plain scalar; numpy and torch scalars have `item()`."""
    item = getattr(value, "item", None)
    plain = item() if callable(item) else value
    if not isinstance(plain, str | int | float | bool):
        raise BadInputError(
            f"metadata {key!r} is of type {type(value).__name__}",
            expected="a string, number or boolean",
        )
    return plain
