"""Reach the places that hold the low-order segments of packs.

A *tier* is a folder, or an object store behind an fsspec URL, in which *companions* of split packs
lie. A folder is read in place. From a URL a companion is fetched whole, compared with the SHA-256
that its near file tells, and kept in the repository's cache, of which the oldest files make room;
or ranges of it alone are, which whoever asks compares and keeps.
Credentials are the business of fsspec and the environment; none is ever stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from modelhub import _core, ids
from modelhub.errors import (
    CorruptionError,
    ModelHubError,
    NotFoundError,
    RemoteError,
    UsageError,
)
from modelhub.fs import files, seam
from modelhub.fs.files import InputFile, OutputFile
from modelhub.fs.layout import Layout, companion_name
from modelhub.optional import require

__all__ = [
    "MARKER",
    "Companions",
    "Tier",
    "WholeFile",
    "check_url",
    "fault",
    "mark",
    "open_tier",
    "unreachable",
]

# A file that every tier has: an empty folder where a disk should be mounted lacks it.
MARKER = "modelhub-tier"
_MARKER_TEXT = b"Low-order segments of a ModelHub repository lie here.\n"
_STEP_BYTES = 4 << 20
# Ranges asked for at once: enough to hide the time that each answer is on its way.
_REQUESTS = 8
_BRING_BACK = "bring the tier back, or name another with `modelhub tier set`"
_PUT_BACK = "put back a copy of the companion; leading bytes can still be read"


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file that was sent whole although a range of it was asked for."""

    data: bytes


class Tier(Protocol):
    """A place for companions. Every method raises RemoteError where the place fails."""

    url: str
    # Whether companions are read in place.
    is_folder: bool

    def size(self, name: str) -> int | None:
        """Return the bytes of a file, or None if there is none."""

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes."""

    def ranges(self, name: str, wanted: Sequence[tuple[int, int]]) -> list[bytes] | WholeFile:
        """Return the bytes of each (offset, length) in a file, shorter where the file ends before.

        Some web servers know no ranges and send the file: then it is returned as it came.
        """

    def write(self, name: str, blocks: Iterable[bytes]) -> None:
        """Write a file, replacing what is there."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is removed already."""

    def file(self, name: str) -> Path:
        """Return a file's path, in a folder."""


class _Folder:
    """A tier in a folder, of this disk or another."""

    is_folder = True

    def __init__(self, url: str) -> None:
        self.url = url
        self._path = Path(url)

    def size(self, name: str) -> int | None:
        with self._told():
            if not files.exists(self._path):
                raise RemoteError("there is no such folder", where=self.url)
            path = self._path / name
            return files.file_stat(path).st_size if files.exists(path) else None

    def blocks(self, name: str) -> Iterator[bytes]:
        with self._told(), InputFile(self._path / name) as file:
            for start in range(0, file.size, _STEP_BYTES):
                yield file.read(start, min(_STEP_BYTES, file.size - start))

    def ranges(self, name: str, wanted: Sequence[tuple[int, int]]) -> list[bytes] | WholeFile:
        with self._told(), InputFile(self._path / name) as file:
            return [
                file.read(offset, max(min(length, file.size - offset), 0))
                for offset, length in wanted
            ]

    def write(self, name: str, blocks: Iterable[bytes]) -> None:
        with self._told():
            if name == MARKER:
                files.make_dir(self._path)
            with OutputFile(self._path / name, sync=True) as out:
                for block in blocks:
                    out.write(block)
                out.commit()

    def remove(self, name: str) -> None:
        with self._told():
            if files.exists(self._path / name):
                files.remove(self._path / name)
                files.sync_dir(self._path)

    def file(self, name: str) -> Path:
        return self._path / name

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except RemoteError:
            raise
        except ModelHubError as error:
            if error.kind == "no_space":
                raise
            raise RemoteError(
                error.found,
                expected=error.expected,
                where=error.where or self.url,
                hint=_BRING_BACK,
            ) from error


class _Remote:
    """A tier behind an fsspec URL."""

    is_folder = False

    def __init__(self, url: str) -> None:
        self.url = url
        fsspec = require("fsspec", "remote")
        with self._told():
            self._system, self._root = fsspec.core.url_to_fs(url)
        # Front to back: nothing to keep. Not every web server knows ranges, which 0 does without.
        self._reading: dict[str, object] = {"cache_type": "none"}
        if "http" in self._system.protocol:
            self._reading["block_size"] = 0
        # What is written to an object store is durable once it is closed; on a disk it is not.
        self._is_disk = "file" in self._system.protocol
        # Whether the place has answered to a range with a range.
        self._knows_ranges = False

    def _at(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def size(self, name: str) -> int | None:
        with self._told():
            self._system.invalidate_cache()
            try:
                size = self._system.info(self._at(name))["size"]
            except FileNotFoundError:
                return None
        # Some web servers do not tell.
        return sum(map(len, self.blocks(name))) if size is None else int(size)

    def blocks(self, name: str) -> Iterator[bytes]:
        with self._told(), self._system.open(self._at(name), "rb", **self._reading) as file:
            while block := file.read(_STEP_BYTES):
                yield bytes(block)

    def ranges(self, name: str, wanted: Sequence[tuple[int, int]]) -> list[bytes] | WholeFile:
        # One alone before the others, lest a server that knows no ranges sends the file many times.
        first = 0 if self._knows_ranges else 1
        with self._told():
            found: list[bytes] = []
            for some in (wanted[:first], wanted[first:]):
                parts = self._parts(name, some)
                for part, (_, length) in zip(parts, some, strict=True):
                    if len(part) > length:
                        return WholeFile(part)
                found += parts
            self._knows_ranges = True
        return found

    def _parts(self, name: str, wanted: Sequence[tuple[int, int]]) -> list[bytes]:
        if not wanted:
            return []
        starts = [offset for offset, _ in wanted]
        ends = [offset + length for offset, length in wanted]
        options = {"batch_size": _REQUESTS} if self._system.async_impl else {}
        found = self._system.cat_ranges(
            [self._at(name)] * len(wanted), starts, ends, on_error="raise", **options
        )
        for part in found:
            # Older releases of fsspec return errors among the answers whatever they are told.
            if isinstance(part, BaseException):
                raise part
        return list(found)

    def write(self, name: str, blocks: Iterable[bytes]) -> None:
        target = self._at(name)
        with self._told():
            seam.before("write", Path(target))
            if name == MARKER:
                with contextlib.suppress(FileExistsError, NotImplementedError):
                    self._system.makedirs(self._root, exist_ok=True)
            with self._system.open(target, "wb") as out:
                for block in blocks:
                    seam.before("write", Path(target))
                    out.write(block)
                if self._is_disk:
                    out.flush()
                    files.sync_open(Path(target), out.fileno())
            if self._is_disk:
                files.sync_dir(Path(target).parent)

    def remove(self, name: str) -> None:
        with self._told():
            seam.before("remove", Path(self._at(name)))
            with contextlib.suppress(FileNotFoundError):
                self._system.rm_file(self._at(name))

    def file(self, name: str) -> Path:
        raise UsageError(f"{name} has no path here", where=self.url)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what any of fsspec's many back ends raises into one error."""
        try:
            yield
        except ModelHubError:
            raise
        except ImportError as error:
            raise RemoteError(
                f"its kind of URL needs a package: {error}",
                where=self.url,
                hint="install the package that fsspec names",
                kind="missing_extra",
            ) from error
        except Exception as error:
            text = str(error) or type(error).__name__
            raise RemoteError(text, where=self.url, hint=_BRING_BACK) from error


def check_url(text: str) -> str:
    """Return the URL of a tier, or the absolute path of a folder.

    Raises:
        UsageError: it holds a password, or more than a place.
    """
    if not text or not text.isprintable():
        raise UsageError(f"tier {text!r}", expected="a folder or an fsspec URL")
    if "://" not in text:
        return str(Path(text).absolute())
    parts = urlsplit(text)
    # The text is not shown: it may hold the secret.
    if "@" in parts.netloc and ":" in parts.netloc.rpartition("@")[0]:
        raise UsageError(
            "a URL with a password",
            expected="one without: it would be stored as plain text",
            hint="give credentials by the environment or the settings of fsspec",
        )
    if parts.query or parts.fragment or "::" in text:
        raise UsageError("a URL with a query, a fragment or `::`", expected="SCHEME://HOST/FOLDER")
    return text.rstrip("/") if parts.path.strip("/") or parts.netloc else text


def open_tier(url: str) -> Tier:
    """Return the tier at a URL; no file of it is touched."""
    return _Remote(url) if "://" in url else _Folder(url)


def mark(tier: Tier) -> None:
    """Make a place a tier, unless it is one."""
    if fault(tier):
        tier.write(MARKER, [_MARKER_TEXT])


def fault(tier: Tier) -> str:
    """Return why a tier cannot be used now; empty if it can."""
    try:
        if _has_marker(tier):
            return ""
    except ModelHubError as error:
        return error.found
    return f"it has no file {MARKER}: is the disk mounted, is the path right?"


def _has_marker(tier: Tier) -> bool:
    return tier.size(MARKER) is not None


def unreachable(url: str, reason: str, where: str = "") -> RemoteError:
    """Return the one error for low-order bytes that are not at hand."""
    place = f"the tier {url}" if url else "a tier"
    return RemoteError(
        f"low-order bytes lie in {place}, which cannot be read: {reason}",
        where=where,
        hint=_BRING_BACK,
        kind="tier",
    )


class Companions:
    """Finds the companions of one repository's split packs; safe to use from several threads."""

    def __init__(self, layout: Layout, url: str, cache_bytes: int) -> None:
        self._layout = layout
        self.url = url
        self._cache_bytes = cache_bytes
        self._opened: Tier | None = None

    def tier(self) -> Tier:
        """Return the tier.

        Raises:
            RemoteError: kind `tier`, none is set; or its packages are missing.
        """
        if self._opened is None:
            if not self.url:
                raise unreachable("", "config.toml names none")
            self._opened = open_tier(self.url)
        return self._opened

    def path(self, reader: _core.PackReader) -> Path:
        """Return a file of this machine with the companion of a split pack, fetching it if need be.

        Raises:
            RemoteError: kind `tier`, it cannot be had.
            CorruptionError: what was fetched is not what was written.
        """
        pack = reader.name.hex()
        name = companion_name(pack)
        cached = self._layout.cached_companion(reader.low_sha256)
        try:
            tier = self.tier()
            if not tier.is_folder and files.exists(cached):
                return cached
            size = tier.size(name)
        except RemoteError as error:
            if error.kind in ("tier", "missing_extra"):
                raise
            raise unreachable(self.url, error.found, f"pack {pack}") from error
        if size is None:
            reason = fault(tier) or f"it has no {name}"
            raise unreachable(self.url, reason, f"pack {pack}")
        if tier.is_folder:
            return tier.file(name)
        self._keep(tier, name, cached, reader.low_sha256, tier.blocks(name))
        return cached

    def by_ranges(self, reader: _core.PackReader) -> bool:
        """Say whether a companion is read by `ranges`, and not in place or from the cache.

        Raises:
            RemoteError: kind `tier`, no tier is set; or its packages are missing.
        """
        if self.tier().is_folder:
            return False
        return not files.exists(self._layout.cached_companion(reader.low_sha256))

    def ranges(
        self, reader: _core.PackReader, wanted: Sequence[tuple[int, int]]
    ) -> list[bytes] | None:
        """Return the bytes of each (offset, length) in a companion; nothing is compared.

        Returns:
            None from a place that sends whole files only: the companion is in the cache now.

        Raises:
            RemoteError: kind `tier`, the companion cannot be had.
            CorruptionError: it ends before, or was sent whole and is not what was written.
        """
        tier, pack = self.tier(), reader.name.hex()
        name = companion_name(pack)
        try:
            found = tier.ranges(name, wanted)
        except RemoteError as error:
            if error.kind in ("tier", "missing_extra"):
                raise
            raise unreachable(self.url, error.found, f"pack {pack}") from error
        if isinstance(found, WholeFile):
            cached = self._layout.cached_companion(reader.low_sha256)
            self._keep(tier, name, cached, reader.low_sha256, [found.data])
            return None
        for part, (offset, length) in zip(found, wanted, strict=True):
            if len(part) != length:
                raise CorruptionError(
                    f"a companion that ends after {offset + len(part)} bytes",
                    expected=f"{offset + length} at least",
                    where=f"{tier.url}/{name}",
                    hint=_PUT_BACK,
                )
        return found

    def _keep(
        self, tier: Tier, name: str, cached: Path, digest: bytes, blocks: Iterable[bytes]
    ) -> None:
        """Put a companion into the cache, if it is the one that was written."""
        files.make_dir(cached.parent)
        with OutputFile(cached) as out:
            sha = ids.sha256()
            try:
                for block in blocks:
                    sha.update(block)
                    out.write(block)
            except RemoteError as error:
                raise unreachable(self.url, error.found, name) from error
            if sha.digest() != digest:
                raise CorruptionError(
                    f"a companion of SHA-256 {sha.hexdigest()}",
                    expected=digest.hex(),
                    where=f"{tier.url}/{name}",
                    hint=_PUT_BACK,
                )
            out.commit()
        self._make_room(cached)

    def _make_room(self, latest: Path) -> None:
        """Remove the oldest fetched files until the rest fits; readers keep what they opened."""
        found = []
        for entry in files.list_dir(latest.parent):
            if not entry.endswith(latest.suffix):
                continue
            path = latest.parent / entry
            # Another process may be doing the same.
            with contextlib.suppress(NotFoundError):
                state = files.file_stat(path)
                found.append((state.st_mtime_ns, state.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._cache_bytes:
                break
            if path != latest:
                with contextlib.suppress(NotFoundError):
                    files.remove(path)
                total -= size
