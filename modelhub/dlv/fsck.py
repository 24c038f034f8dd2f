"""Check a repository: every stored byte, every id, and that the catalog and the packs agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelhub import config, ids
from modelhub.catalog import Catalog
from modelhub.config import Config
from modelhub.dlv.reindex import reindex
from modelhub.dlv.state import Repo, companions_of
from modelhub.errors import CorruptionError, ModelHubError, RemoteError
from modelhub.fs import files
from modelhub.fs.layout import Layout
from modelhub.fs.lock import WriterLock
from modelhub.pas.reach import reachable
from modelhub.pas.scan import PackIndex, scan
from modelhub.pas.store import Store
from modelhub.pas.tiers import Companions
from modelhub.tensors.dtypes import by_code

__all__ = ["FsckResult", "Problem", "fsck"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: a kind, where, and in which way.

    Kinds are `pack`, `object`, `catalog`, `version`, and `tier`: low-order bytes that could not be
    checked because their tier is out of reach or lacks them.
    """

    kind: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class FsckResult:
    """Whether all is well now, the problems that are left, and what was repaired."""

    ok: bool
    problems: tuple[Problem, ...]
    repaired: tuple[str, ...]


def fsck(root: Path, *, repair: bool = False, progress: Progress | None = None) -> FsckResult:
    """Check the repository at `root`; with `repair`, rebuild a catalog that is damaged.

    Damaged packs are reported, never changed: what else they hold is still readable. Of a split
    pack whose companion is out of reach the near bytes are checked alone.
    """
    layout = Layout(root)
    index = scan(layout)
    problems = _check_packs(layout, index, progress)
    catalog = _check_catalog(layout, index)
    repaired: list[str] = []
    if repair and any(problem.kind == "catalog" for problem in catalog):
        with WriterLock(layout.lock_file):
            done = reindex(layout)
        count = f"{done.versions} version" + ("" if done.versions == 1 else "s")
        repaired.append(f"the catalog, with {count}, from the packs")
        catalog = _check_catalog(layout, index)
        catalog += [Problem("version", where, detail) for where, detail in done.lost]
    problems += catalog
    return FsckResult(not problems, tuple(problems), tuple(repaired))


def _check_packs(layout: Layout, index: PackIndex, progress: Progress | None) -> list[Problem]:
    """Verify every block's checksum, then decode every object and compare it with its id."""
    problems = [Problem("pack", name.hex(), str(error)) for name, error in index.unreadable.items()]
    store = Store(layout, index.locate, companions=_companions(layout))
    out_of_reach = set()
    for name in sorted({place.pack for place in index.places.values()}):
        try:
            store.whole_reader(name)
        except RemoteError as error:
            out_of_reach.add(name)
            problems.append(Problem("tier", f"pack {name.hex()}", str(error)))
        except ModelHubError as error:
            problems.append(Problem("pack", name.hex(), str(error)))
    total = sum(index.stored_bytes.values())
    done = 0
    for object_id, place in index.places.items():
        try:
            reader = store.reader(place.pack)
            near_only = place.pack in out_of_reach
            reader.verify(place.index, near_only=near_only)
            segments = len(reader.entry(place.index).segment_bytes)
            if not near_only or reader.near_segments(place.index) == segments:
                _check_id(store, object_id)
        except RemoteError:
            pass  # said once, of the pack
        except ModelHubError as error:
            where = f"object {object_id.hex()} in pack {place.pack.hex()}"
            problems.append(Problem("object", where, str(error)))
        done += index.stored_bytes[object_id]
        if progress is not None:
            progress(done, total)
    store.close()
    return problems


def _companions(layout: Layout) -> Companions:
    """Return what finds companions; with settings that are damaged, none are found."""
    try:
        text = files.read_bytes(layout.config_file).decode("utf-8", "replace")
        return companions_of(layout, config.load(text))
    except ModelHubError:
        return companions_of(layout, Config())


def _check_id(store: Store, object_id: bytes) -> None:
    entry = store.entry(object_id)
    data = store.read(object_id).data
    if entry.kind == ids.TENSOR:
        found = ids.tensor_id(by_code(entry.dtype_code).name, entry.shape, data)
    else:
        found = ids.object_id(entry.kind, data)
    if found != object_id:
        raise CorruptionError(f"its content has the id {found.hex()}")


def _check_catalog(layout: Layout, index: PackIndex) -> list[Problem]:
    """Compare what the catalog says with what the packs hold."""
    try:
        with Repo.open(layout.root) as repo:
            repo.catalog.check()
            return _check_places(repo.catalog, index) + _check_versions(repo)
    except ModelHubError as error:
        return [Problem("catalog", str(layout.catalog_dir), str(error))]


def _check_places(catalog: Catalog, index: PackIndex) -> list[Problem]:
    problems = []
    with catalog.read() as txn:
        for object_id, location in txn.locations():
            if location.pack in index.unreadable:
                continue  # said once, of the pack
            if object_id not in index.places:
                detail = f"its pack {location.pack.hex()} does not hold it"
                problems.append(Problem("object", object_id.hex(), detail))
        known = {version.id for version in txn.versions()}
        indexed = {object_id for object_id, _ in txn.locations()}
    missing = len(known - indexed)
    if missing:
        detail = f"{missing} versions have no place in a pack"
        problems.append(Problem("catalog", "versions", detail))
    return problems


def _check_versions(repo: Repo) -> list[Problem]:
    problems = []
    with repo.catalog.read() as txn:
        versions = list(txn.versions())
    for version in versions:
        try:
            for object_id in reachable(repo.store, [version.id]):
                repo.store.entry(object_id)
        except ModelHubError as error:
            where = f"{version.name}@{version.sequence}"
            problems.append(Problem("version", where, str(error)))
    return problems
