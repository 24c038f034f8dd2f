"""Move the low-order segments of packs to a tier and back.

*Pushing* splits packs: what a value's leading bytes need stays, the rest goes to the tier.
*Pulling* makes packs whole again. Both work pack by pack, can be stopped anywhere, and go on where
they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from modelhub import _core
from modelhub.config import PLANES_LIMIT
from modelhub.dlv.state import Repo
from modelhub.errors import ConflictError, RemoteError, UsageError
from modelhub.fs import files
from modelhub.fs.layout import companion_name
from modelhub.pas import leftovers, tiers
from modelhub.pas.scan import pack_names
from modelhub.pas.split import merge_pack, runs_of, split_pack
from modelhub.pas.tiers import Tier

__all__ = ["Moved", "TierStatus", "pull", "push", "set_tier", "status"]

Progress = Callable[[int, int], None]
Wait = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """What went to a tier or came back: packs, and bytes of their low-order segments.

    `leftovers` counts companions that are garbage and could not be removed yet.
    """

    tier: str
    packs: int
    moved_bytes: int
    leftovers: int


@dataclass(frozen=True, slots=True)
class TierStatus:
    """Where the bytes of packs lie. `fault` says why the tier cannot be used; empty if it can."""

    tier: str
    planes: int
    fault: str
    packs: int
    split_packs: int
    missing_companions: int
    near_bytes: int
    far_bytes: int
    movable_bytes: int
    leftovers: int


@dataclass(frozen=True, slots=True)
class _Pack:
    name: bytes
    size: int
    far_bytes: int
    movable_bytes: int


def set_tier(
    repo: Repo, url: str, planes: int | None = None, on_wait: Wait | None = None
) -> TierStatus:
    """Choose the tier, a folder or an fsspec URL, and how many leading bytes stay; move nothing.

    Raises:
        ConflictError: packs are split, and their companions are not in that place.
        RemoteError: the place cannot be used.
    """
    url = tiers.check_url(url)
    chosen = repo.config.tier_planes if planes is None else planes
    if not 1 <= chosen <= PLANES_LIMIT:
        raise UsageError(f"{chosen} planes", expected=f"1 to {PLANES_LIMIT}")
    with repo.writer_lock(on_wait):
        tier = tiers.open_tier(url)
        _refuse_lost(repo, tier)
        tiers.mark(tier)
        repo.configure(replace(repo.config, tier=url, tier_planes=chosen))
    return status(repo)


def _refuse_lost(repo: Repo, tier: Tier) -> None:
    lost = [pack for pack in _look(repo) if pack.far_bytes and not _there(tier, pack)]
    if lost:
        raise ConflictError(
            f"{len(lost)} packs have low-order bytes in {repo.config.tier}, not in {tier.url}",
            where=str(repo.layout.root),
            hint="bring them back first with `modelhub tier pull`, or copy the tier's files there",
        )


def _there(tier: Tier, pack: _Pack) -> bool:
    try:
        size = tier.size(companion_name(pack.name.hex()))
    except RemoteError:
        return False
    return size is not None and size > pack.far_bytes


def status(repo: Repo) -> TierStatus:
    """Say where the bytes are and whether the tier can be read."""
    settings = repo.config
    packs = _look(repo)
    split = [pack for pack in packs if pack.far_bytes]
    fault, missing = "", 0
    if settings.tier:
        try:
            tier = repo.companions.tier()
            fault = tiers.fault(tier)
        except RemoteError as error:
            fault = error.found
        else:
            missing = len(split) if fault else sum(not _there(tier, pack) for pack in split)
    return TierStatus(
        tier=settings.tier,
        planes=settings.tier_planes,
        fault=fault,
        packs=len(packs),
        split_packs=len(split),
        missing_companions=missing,
        near_bytes=sum(pack.size for pack in packs),
        far_bytes=sum(pack.far_bytes for pack in packs),
        movable_bytes=sum(pack.movable_bytes for pack in packs),
        leftovers=sum(map(len, leftovers.noted(repo.layout).values())),
    )


def _look(repo: Repo) -> list[_Pack]:
    packs = []
    for name in pack_names(repo.layout):
        path = repo.layout.pack_path(name.hex())
        size = files.file_stat(path).st_size
        with _core.PackReader(str(path)) as reader:
            runs = [] if reader.is_split else runs_of(reader, repo.config.tier_planes)
            movable = sum(length for _, length in runs)
            packs.append(_Pack(name, size, reader.far_bytes, movable))
    return packs


def push(repo: Repo, progress: Progress | None = None, on_wait: Wait | None = None) -> Moved:
    """Move low-order segments of every pack to the tier; what is there already stays there.

    Raises:
        UsageError: no tier is set.
        RemoteError: the tier fails; packs that were not moved yet are as they were.
    """
    with repo.writer_lock(on_wait):
        tier = _usable(repo)
        todo = [pack for pack in _look(repo) if pack.movable_bytes]
        leftovers.note(repo.layout, tier.url, [pack.name for pack in todo])
        total = sum(pack.movable_bytes for pack in todo)
        moved = 0
        for pack in todo:
            moved += split_pack(repo.layout, tier, pack.name, repo.config.tier_planes)
            if progress is not None:
                progress(moved, total)
        repo.store.close()
        left = leftovers.clean(repo.layout)
    return Moved(tier.url, len(todo), moved, left)


def pull(repo: Repo, progress: Progress | None = None, on_wait: Wait | None = None) -> Moved:
    """Bring all low-order segments back, then leave the tier: nothing is set any more.

    Raises:
        UsageError: no tier is set.
        RemoteError, CorruptionError: a companion cannot be had, or is not what was written; packs
            that came back stay whole, and the tier stays set.
    """
    with repo.writer_lock(on_wait):
        url = repo.config.tier
        if not url:
            raise _none_set()
        todo = [pack for pack in _look(repo) if pack.far_bytes]
        leftovers.note(repo.layout, url, [pack.name for pack in todo])
        total = sum(pack.far_bytes for pack in todo)
        moved = 0
        for pack in todo:
            moved += merge_pack(repo.layout, repo.companions, pack.name)
            if progress is not None:
                progress(moved, total)
        repo.configure(replace(repo.config, tier=""))
        left = leftovers.clean(repo.layout)
        _empty_cache(repo)
    return Moved(url, len(todo), moved, left)


def _empty_cache(repo: Repo) -> None:
    if files.exists(repo.layout.cache_dir):
        for entry in files.list_dir(repo.layout.cache_dir):
            if entry.endswith(".low"):
                files.remove(repo.layout.cache_dir / entry)


def _usable(repo: Repo) -> Tier:
    if not repo.config.tier:
        raise _none_set()
    tier = repo.companions.tier()
    fault = tiers.fault(tier)
    if fault:
        raise tiers.unreachable(tier.url, fault)
    return tier


def _none_set() -> UsageError:
    return UsageError("no tier is set", hint="name one with `modelhub tier set URL`")
