"""Name every path of a repository on disk; no other module builds one.

The *root* is the folder that holds `.modelhub`; docs/formats/repository.md says what is inside.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from modelhub.errors import UsageError

__all__ = ["DOT", "Layout", "companion_name", "find_root"]

DOT = ".modelhub"
_PACK_NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one repository; nothing is read or made."""

    root: Path

    @property
    def dot(self) -> Path:
        """Return the folder that holds everything ModelHub keeps."""
        return self.root / DOT

    @property
    def catalog_dir(self) -> Path:
        """Return the folder of the catalog, an LMDB environment."""
        return self.dot / "catalog"

    @property
    def packs_dir(self) -> Path:
        """Return the folder of the packs."""
        return self.dot / "packs"

    @property
    def staging_dir(self) -> Path:
        """Return the folder of what the next commit takes."""
        return self.dot / "staging"

    @property
    def stage_file(self) -> Path:
        """Return the file that lists what is staged."""
        return self.staging_dir / "stage.json"

    @property
    def config_file(self) -> Path:
        """Return the file of the settings; `init` writes it last."""
        return self.dot / "config.toml"

    @property
    def lock_file(self) -> Path:
        """Return the file that the one writer locks."""
        return self.dot / "lock"

    @property
    def edge_costs_file(self) -> Path:
        """Return the file of what deltas were measured to take."""
        return self.cache_dir / "edges.npy"

    @property
    def rates_file(self) -> Path:
        """Return the file of how fast this machine reads."""
        return self.cache_dir / "rates.json"

    @property
    def archived_file(self) -> Path:
        """Return the file that says when `archive` ran last."""
        return self.cache_dir / "archived.json"

    def pack_path(self, name: str) -> Path:
        """Return the path of a pack by its content name, 64 lower-case hexadecimal digits."""
        if _PACK_NAME.fullmatch(name) is None:
            raise UsageError(f"pack name {name!r}", expected="64 lower-case hexadecimal digits")
        return self.packs_dir / f"{name}.pack"

    @property
    def cache_dir(self) -> Path:
        """Return the folder of what can be fetched or measured again; to be removed any time."""
        return self.dot / "cache"

    @property
    def queries_dir(self) -> Path:
        """Return the folder of saved queries."""
        return self.dot / "queries"

    def query_path(self, name: str) -> Path:
        """Return the file of a saved query; whoever calls has checked the name."""
        return self.queries_dir / f"{name}.dql"

    @property
    def leftovers_file(self) -> Path:
        """Return the file that lists companions which may be garbage in their tier."""
        return self.dot / "tier-leftovers.json"

    def cached_companion(self, sha256: bytes) -> Path:
        """Return where the companion of this SHA-256 is kept once it was fetched."""
        return self.cache_dir / f"{sha256.hex()}.low"

    def temporary_path(self) -> Path:
        """Return a fresh path for what a writer needs for a moment; `gc` removes leftovers."""
        return self.packs_dir / f"tmp-{os.getpid()}-{secrets.token_hex(8)}.tmp"

    def temporary_pack_path(self) -> Path:
        """Return a fresh path for a pack in the making; `gc` removes what a crash leaves."""
        return self.packs_dir / f"tmp-{os.getpid()}-{secrets.token_hex(8)}.pack.tmp"


def companion_name(pack: str) -> str:
    """Return the name, in a tier, of the companion of a pack by its content name in hexadecimal."""
    if _PACK_NAME.fullmatch(pack) is None:
        raise UsageError(f"pack name {pack!r}", expected="64 lower-case hexadecimal digits")
    return f"{pack}.low"


def find_root(start: Path) -> Path | None:
    """Return the nearest folder, `start` or one above it, that holds a repository.

    Symbolic links are not resolved: above a link is the folder that the link lies in.
    """
    here = Path(os.path.abspath(start))
    for folder in (here, *here.parents):
        if (folder / DOT).is_dir():
            return folder
    return None
