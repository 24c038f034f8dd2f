"""Add later facts to a version: written to a pack first, then to the catalog."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from modelhub import ids
from modelhub.catalog import WriteTxn
from modelhub.dlv import record
from modelhub.dlv.state import Repo
from modelhub.pas import manifest as manifests
from modelhub.pas.manifest import Annotation

__all__ = ["annotate"]


def annotate(
    repo: Repo,
    notes: list[tuple[bytes, str, Any]],
    then: Callable[[WriteTxn], None] | None = None,
) -> None:
    """Store (version, key, value) annotations, and do what they mean in the same transaction.

    The writer's lock must be held.
    """
    with repo.session() as session:
        made = [Annotation(version, key, value, time.time_ns()) for version, key, value in notes]
        note_ids = [
            session.add_object(ids.ANNOTATION, manifests.encode_annotation(note)) for note in made
        ]
        session.seal()
        with repo.catalog.write() as txn:
            record.put_places(txn, session.places)
            for note_id, note in zip(note_ids, made, strict=True):
                record.put_annotation(txn, note_id, note)
            if then is not None:
                then(txn)
