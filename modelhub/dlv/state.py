"""Hold what the verbs share: an open *repository* with its paths, settings, catalog and store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from modelhub import config
from modelhub.catalog import Catalog
from modelhub.config import Config
from modelhub.errors import BadInputError, ConflictError, NotFoundError, PermissionDeniedError
from modelhub.fs import files
from modelhub.fs.layout import Layout, find_root
from modelhub.fs.lock import WriterLock
from modelhub.pas import manifest
from modelhub.pas.manifest import Manifest
from modelhub.pas.session import Session
from modelhub.pas.store import Place, Store
from modelhub.pas.tiers import Companions

__all__ = ["Repo", "companions_of"]

# A unit of the settings.
_MB = 10**6


def companions_of(layout: Layout, settings: Config) -> Companions:
    """Return what finds the companions of a repository's split packs."""
    return Companions(layout, settings.tier, settings.tier_cache_mb * _MB)


class Repo:
    """An open repository: layout, config, catalog, store. Close it, or use it with `with`."""

    def __init__(self, layout: Layout, settings: Config, catalog: Catalog) -> None:
        self.layout = layout
        self.config = settings
        self.catalog = catalog
        self._open_store()

    @classmethod
    def init(cls, path: Path) -> Repo:
        """Make a repository in a folder (made too if need be) and open it.

        Raises:
            ConflictError: the folder is a repository already.
            BadInputError: the path is a file.
        """
        layout = Layout(path.absolute())
        if files.exists(layout.dot):
            raise ConflictError(
                "there is a repository here already",
                where=str(layout.root),
                hint="use it as it is, or choose another folder",
            )
        if path.exists() and not path.is_dir():
            raise BadInputError("not a folder", where=str(path), hint="name a folder to initialise")
        settings = Config()
        for folder in (layout.root, layout.dot, layout.packs_dir, layout.staging_dir):
            if not files.exists(folder):
                files.make_dir(folder)
        Catalog.create(layout.catalog_dir).close()
        # The settings come last: a folder without them is an init that did not finish.
        files.write_atomic(layout.config_file, config.dump(settings).encode())
        return cls.open(layout.root)

    @classmethod
    def open(cls, start: Path) -> Repo:
        """Open the repository that holds `start`, looking upward; read-only where it must be.

        Raises:
            NotFoundError: there is none.
            CorruptionError: its catalog is damaged.
        """
        layout = cls.find(start)
        settings = config.load(files.read_bytes(layout.config_file).decode("utf-8", "replace"))
        try:
            catalog = Catalog.open(layout.catalog_dir)
        except PermissionDeniedError as error:
            if error.kind != "permission":
                raise
            catalog = Catalog.open(layout.catalog_dir, readonly=True)
        return cls(layout, settings, catalog)

    @staticmethod
    def find(start: Path) -> Layout:
        """Return the layout of the repository that holds `start`, without opening it."""
        root = find_root(start.absolute())
        if root is None:
            raise NotFoundError(
                "no repository here or in a folder above",
                where=str(start.absolute()),
                hint="run `modelhub init`, or name a repository with -C DIR",
            )
        return Layout(root)

    def close(self) -> None:
        """Close the catalog and every pack."""
        self.store.close()
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def locate(self, object_id: bytes) -> Place | None:
        """Find the pack and entry of an object through the catalog."""
        with self.catalog.read() as txn:
            location = txn.location(object_id)
        return None if location is None else Place(location.pack, location.index)

    def writer_lock(self, on_wait: Callable[[str], None] | None = None) -> WriterLock:
        """Return the lock that one writer at a time holds; use it with `with`."""
        return WriterLock(self.layout.lock_file, on_wait=on_wait)

    def session(self) -> Session:
        """Return a session that writes new packs; the writer's lock must be held."""
        return Session(
            self.layout,
            self.locate,
            depth_max=self.config.chain_depth_max,
            threads=self.config.threads,
            companions=self.companions,
        )

    def configure(self, settings: Config) -> None:
        """Write new settings and use them; the writer's lock must be held."""
        files.write_atomic(self.layout.config_file, config.dump(settings).encode())
        self.config = settings
        self.store.close()
        self._open_store()

    def _open_store(self) -> None:
        self.companions = companions_of(self.layout, self.config)
        self.store = Store(
            self.layout, self.locate, threads=self.config.threads, companions=self.companions
        )

    def manifest(self, version_id: bytes) -> Manifest:
        """Return a version's manifest, read from its pack."""
        return manifest.decode(self.store.blob(version_id))
