"""Start a new model from a version: same content, new name, lineage to the old one.

With a lossy scheme, which is never a default, the float tensors are changed on the way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from modelhub.dlv import copy_lossy, lossy, record
from modelhub.dlv.commit import CommitResult, author_of, finish
from modelhub.dlv.commit_network import NetworkFacts
from modelhub.dlv.names import check_model_name
from modelhub.dlv.progress import Progress
from modelhub.dlv.resolve import format_rev, resolve
from modelhub.dlv.snapshots import StoredSnapshot
from modelhub.dlv.state import Repo
from modelhub.tensors import schemes

__all__ = ["copy"]


def copy(
    repo: Repo,
    rev: str,
    new_name: str,
    message: str = "",
    *,
    scheme: str | None = None,
    progress: Progress | None = None,
) -> CommitResult:
    """Commit the content of a version under a name; exact tensors are stored already.

    Args:
        scheme: A lossy scheme to apply to every snapshot; see `tensors.schemes.parse`.
        progress: Told of the bytes changed; only with a scheme is there anything to wait for.

    Raises:
        UsageError: there is no such scheme.
        NotFoundError: the revision does not exist.
        BadInputError: kind `bad_name`; or the scheme does not fit the values.
    """
    begun = time.monotonic()
    check_model_name(new_name)
    chosen = None if scheme is None else schemes.parse(scheme)
    with repo.writer_lock(), repo.session() as session:
        version = resolve(repo, rev).version
        stored: Sequence[StoredSnapshot] = ()
        if chosen is None:
            content = repo.manifest(version.id)
        else:
            changed = copy_lossy.change(repo, session, version.id, chosen, progress)
            content, stored = changed.manifest, changed.stored
        what = "copy" if chosen is None else str(chosen)
        made = replace(
            content,
            name=new_name,
            created_ns=time.time_ns(),
            author=author_of(repo),
            message=message or f"{what} of {format_rev(version)}",
            parents=(version.id,),
        )
        sequence, version_id = finish(repo, session, made, stored, None)
        tally, stored_bytes = session.tally, session.pack_bytes
    return CommitResult(
        name=new_name,
        version=sequence,
        id=version_id.hex(),
        logical_bytes=record.logical_bytes(made),
        stored_bytes=stored_bytes,
        snapshots=tuple(snapshot.label for snapshot in made.snapshots),
        parents=(format_rev(version),),
        tensors_new=tally.whole,
        tensors_delta=tally.delta,
        tensors_known=tally.known,
        seconds=time.monotonic() - begun,
        lossy=lossy.label_of(made.metadata),
        network=NetworkFacts("kept" if made.network else "none", source=format_rev(version)),
    )
