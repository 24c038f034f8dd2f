"""Start a new model from a version: same content, new name, lineage to the old one."""

from __future__ import annotations

import time
from dataclasses import replace

from modelhub.dlv import record
from modelhub.dlv.commit import CommitResult, author_of, finish
from modelhub.dlv.names import check_model_name
from modelhub.dlv.resolve import format_rev, resolve
from modelhub.dlv.state import Repo

__all__ = ["copy"]


def copy(repo: Repo, rev: str, new_name: str, message: str = "") -> CommitResult:
    """Commit the content of a version under a name; its tensors are stored already.

    Raises:
        NotFoundError: the revision does not exist.
        BadInputError: kind `bad_name`.
    """
    begun = time.monotonic()
    check_model_name(new_name)
    with repo.writer_lock(), repo.session() as session:
        version = resolve(repo, rev).version
        made = replace(
            repo.manifest(version.id),
            name=new_name,
            created_ns=time.time_ns(),
            author=author_of(repo),
            message=message or f"copy of {format_rev(version)}",
            parents=(version.id,),
        )
        sequence, version_id = finish(repo, session, made, [], None)
        stored_bytes = session.pack_bytes
    return CommitResult(
        name=new_name,
        version=sequence,
        id=version_id.hex(),
        logical_bytes=record.logical_bytes(made),
        stored_bytes=stored_bytes,
        snapshots=tuple(snapshot.label for snapshot in made.snapshots),
        parents=(format_rev(version),),
        tensors_new=0,
        tensors_delta=0,
        tensors_known=0,
        seconds=time.monotonic() - begun,
    )
