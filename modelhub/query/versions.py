"""Show stored versions as queries see them; what a query does not ask for is not read."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeGuard, overload

from modelhub.catalog.records import Extremes, Scalar, VersionRecord
from modelhub.query.settings import Settings, config_of
from modelhub.query.views import NetworkView

__all__ = ["Source", "StoredVersion", "moment_of"]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def moment_of(created_ns: int) -> datetime.datetime:
    """Return the time of a version, to the microsecond."""
    return _EPOCH + datetime.timedelta(microseconds=created_ns // 1000)


class Source(Protocol):
    """What a version reads its facts from."""

    def record(self, version_id: bytes) -> VersionRecord:
        """Return the record of a version."""

    def scalars(self, version_id: bytes) -> dict[str, Scalar]:
        """Return its metadata."""

    def scalar(self, version_id: bytes, key: str) -> Scalar | None:
        """Return one value of its metadata; None if there is none."""

    def series(self, version_id: bytes) -> Mapping[str, Extremes]:
        """Return first, best and last value of its metric series, each read when asked for."""

    def tags(self, name: str, version_id: bytes) -> list[str]:
        """Return its tags."""

    def parameters(self, record: VersionRecord) -> int | None:
        """Return the number of values in its weights."""

    def view(self, version: StoredVersion) -> NetworkView | None:
        """Return its network."""


class StoredVersion:
    """A version of the repository; see `dql.backend.Version`."""

    def __init__(self, source: Source, name: str, sequence: int, raw_id: bytes) -> None:
        self.source = source
        self.name = name
        self.sequence = sequence
        self.raw_id = raw_id

    @property
    def id(self) -> str:
        """The id in hexadecimal."""
        return self.raw_id.hex()

    @cached_property
    def record(self) -> VersionRecord:
        """What the catalog says of it."""
        return self.source.record(self.raw_id)

    @property
    def has_record(self) -> bool:
        """Whether its record was read."""
        return "record" in self.__dict__

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes by the names that queries have for them."""
        return _Attributes(self)

    @property
    def metrics(self) -> Mapping[str, Sequence[float]]:
        """Of each metric series the first, the best and the last value; numbers of the metadata.

        The values of one are read when it is asked for.
        """
        return _Metrics(self)

    @cached_property
    def config(self) -> Settings:
        """Its metadata, nested by dots, without a leading `config.`."""
        return config_of(self.scalars)

    @cached_property
    def metadata(self) -> Settings:
        """Its metadata, nested by dots."""
        return Settings(self.scalars)

    @property
    def parents(self) -> Sequence[str]:
        """The ids of the versions that it was made from, read when one is asked for."""
        return _Parents(self)

    def network(self) -> NetworkView | None:
        """Return its network; None without weights."""
        return self.source.view(self)

    @cached_property
    def scalars(self) -> dict[str, Scalar]:
        """Its metadata, flat."""
        return self.source.scalars(self.raw_id)


_ATTRIBUTES: dict[str, Callable[[StoredVersion], Any]] = {
    "name": lambda version: version.name,
    "version": lambda version: version.sequence,
    "id": lambda version: version.id,
    "creation_time": lambda version: moment_of(version.record.created_ns),
    "message": lambda version: version.record.message,
    "author": lambda version: version.record.author,
    "tags": lambda version: version.source.tags(version.name, version.raw_id),
    "files": lambda version: [file.path for file in version.record.files],
    "size": lambda version: version.record.logical_bytes,
    "stored_size": lambda version: version.record.stored_bytes,
    "parameters": lambda version: version.source.parameters(version.record),
    "snapshots": lambda version: len(version.record.snapshots),
}


class _Parents(Sequence[str]):
    __slots__ = ("_version",)

    def __init__(self, version: StoredVersion) -> None:
        self._version = version

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        parents = [parent.hex() for parent in self._version.record.parents]
        return parents[index]

    def __len__(self) -> int:
        return len(self._version.record.parents)


class _Metrics(Mapping[str, Sequence[float]]):
    __slots__ = ("_version",)

    def __init__(self, version: StoredVersion) -> None:
        self._version = version

    def __getitem__(self, name: str) -> Sequence[float]:
        version = self._version
        series = version.source.series(version.raw_id).get(name)
        if series is not None:
            first, best, last = series
            return (first, last) if best is None else (first, best, last)
        value = version.source.scalar(version.raw_id, name)
        if _is_number(value):
            return (value,)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        version = self._version
        numbers = (key for key, value in version.scalars.items() if _is_number(value))
        return iter(dict.fromkeys((*numbers, *version.source.series(version.raw_id))))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _is_number(value: Scalar | None) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _Attributes(Mapping[str, Any]):
    __slots__ = ("_version",)

    def __init__(self, version: StoredVersion) -> None:
        self._version = version

    def __getitem__(self, key: str) -> Any:
        return _ATTRIBUTES[key](self._version)

    def get(self, key: str, default: Any = None) -> Any:
        found = _ATTRIBUTES.get(key)
        return default if found is None else found(self._version)

    def __iter__(self) -> Iterator[str]:
        return iter(_ATTRIBUTES)

    def __len__(self) -> int:
        return len(_ATTRIBUTES)
