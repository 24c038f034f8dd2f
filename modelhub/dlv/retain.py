"""Remove the versions that a retention policy does not keep."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelhub.catalog.records import VersionRecord
from modelhub.dlv.inventory import take_inventory
from modelhub.dlv.listing import tags_by_version
from modelhub.dlv.lossy import label_of
from modelhub.dlv.remove import children_left, remove_ids
from modelhub.dlv.resolve import format_rev
from modelhub.dlv.retention import Candidate, Policy, Reason, select
from modelhub.dlv.state import Repo
from modelhub.errors import ConflictError, NotFoundError, UsageError

__all__ = ["Judged", "RetainResult", "retain"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A version with the reasons why it stays; without any it goes."""

    id: bytes
    rev: str
    name: str
    version: int
    created_ns: int
    logical_bytes: int
    tags: tuple[str, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class RetainResult:
    """What a policy removed, or would remove, and what stays.

    Attributes:
        versions: Every version that the policy judged, by name and number.
        children: Versions left whose lineage names a removed one.
        freed_bytes: Stored bytes that no version needs any more, which `gc` then frees.
    """

    versions: tuple[Judged, ...]
    children: tuple[str, ...]
    freed_bytes: int
    dry_run: bool

    @property
    def removed(self) -> tuple[Judged, ...]:
        """The versions that go."""
        return tuple(version for version in self.versions if not version.reasons)

    @property
    def kept(self) -> tuple[Judged, ...]:
        """The versions that stay."""
        return tuple(version for version in self.versions if version.reasons)


def retain(
    repo: Repo,
    policy: Policy,
    patterns: Sequence[str] = (),
    *,
    dry_run: bool = True,
    shown: RetainResult | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> RetainResult:
    """Remove what a policy does not keep, or only say what that would be.

    Versions that stay are readable as before: `gc` keeps the bases of their deltas.

    Args:
        patterns: Globs on names of models; other models are let alone. None stand for all models.
        shown: The result of a dry run that somebody has agreed to.

    Raises:
        UsageError: a pattern is not one on names.
        NotFoundError: no model's name fits a pattern, or a rule's metric is nowhere.
        ConflictError: what would be removed is not what was shown; then nothing is.
    """
    if dry_run:
        return _judge(repo, policy, patterns, dry_run)
    with repo.writer_lock(on_wait):
        result = _judge(repo, policy, patterns, dry_run)
        gone = [version.id for version in result.removed]
        if shown is not None and gone != [version.id for version in shown.removed]:
            raise ConflictError(
                "versions or tags changed since the policy was tried; nothing was removed",
                hint="run the command again, and look at what it would remove now",
            )
        if gone:
            remove_ids(repo, gone)
    return result


def _judge(repo: Repo, policy: Policy, patterns: Sequence[str], dry_run: bool) -> RetainResult:
    _check_patterns(patterns)
    stock = take_inventory(repo)
    _check_fit(patterns, {version.name for version in stock.versions})
    judged = {
        version.id: (index, version)
        for index, version in enumerate(stock.versions)
        if not patterns or any(fnmatch.fnmatchcase(version.name, one) for one in patterns)
    }
    candidates = _candidates(repo, [version for _, version in judged.values()])
    selection = select(policy, candidates, time.time_ns())
    tags = {candidate.id: candidate.tags for candidate in candidates}
    reasons = {kept.version.id: kept.reasons for kept in selection.kept}
    gone = {version.id for version in selection.removed}
    return RetainResult(
        versions=tuple(
            Judged(
                id=version.id,
                rev=format_rev(version),
                name=version.name,
                version=version.sequence,
                created_ns=version.created_ns,
                logical_bytes=version.logical_bytes,
                tags=tags[version.id],
                reasons=reasons.get(version.id, ()),
            )
            for _, version in judged.values()
        ),
        children=children_left(repo, gone),
        freed_bytes=stock.bytes_only_for(judged[version_id][0] for version_id in gone),
        dry_run=dry_run,
    )


def _check_patterns(patterns: Sequence[str]) -> None:
    for pattern in patterns:
        if not pattern or "@" in pattern or "#" in pattern:
            raise UsageError(
                f"pattern {pattern!r} with a policy",
                expected="a glob on names of models, such as 'lenet*': a policy judges all "
                "versions of a name together",
            )


def _check_fit(patterns: Sequence[str], names: set[str]) -> None:
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise NotFoundError(f"no model's name fits {pattern!r}", hint="run `modelhub list`")


def _candidates(repo: Repo, versions: Sequence[VersionRecord]) -> list[Candidate]:
    found = []
    with repo.catalog.read() as txn:
        tags = tags_by_version(txn)
        for version in versions:
            metadata = txn.metadata(version.id)
            found.append(
                Candidate(
                    id=version.id,
                    name=version.name,
                    sequence=version.sequence,
                    created_ns=version.created_ns,
                    tags=tags.get(version.id, ()),
                    metadata={} if label_of(metadata) is not None else metadata,
                )
            )
    return found
