"""Store one snapshot: its files, its tensors under names that are unique in it, and its tree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from modelhub import ids
from modelhub.containers import GRAPH_KINDS
from modelhub.containers.memory import ArrayFile
from modelhub.containers.model import Parsed
from modelhub.dlv.bases import Bases
from modelhub.dlv.sources import Source
from modelhub.fs.files import InputFile
from modelhub.pas import tree as trees
from modelhub.pas.ingest import Ingested, Progress, ingest, stored_tensors
from modelhub.pas.session import Session
from modelhub.pas.tree import StoredFile, StoredStorage, StoredTensor, Tree
from modelhub.tensors.arrays import Bytes, TensorSpec

__all__ = ["StoredSnapshot", "read_specs", "store_file", "store_snapshot"]


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot as stored: the id of its tree, and the tree."""

    id: bytes
    tree: Tree


def read_specs(sources: Sequence[Source]) -> dict[str, TensorSpec]:
    """Return dtype and shape of the tensors that a snapshot of the sources would have, by name.

    Reads headers, no values.
    """
    with ExitStack() as stack:
        parsed = [source.parse(_open(stack, source)) for source in sources]
        return {
            prefix + tensor.name: TensorSpec(tensor.dtype, tuple(tensor.shape))
            for structure, prefix in zip(parsed, _prefixes(sources, parsed), strict=True)
            for tensor in structure.tensors
        }


def store_file(session: Session, source: Source, progress: Progress | None) -> StoredFile:
    """Store an associated file F."""
    with source.open() as file:
        bases = Bases(session, None, math.inf)
        done = ingest(session, file, source.parse(file), bases.find, progress)
    return StoredFile(source.path, done.size, done.sha256, done.recipe, source.kind)


def store_snapshot(
    session: Session, sources: Sequence[Source], bases: Bases, progress: Progress | None
) -> StoredSnapshot:
    """Store the files of one snapshot; all are opened and parsed before the first is read."""
    storages: list[StoredStorage] = []
    tensors: list[StoredTensor] = []
    files: list[StoredFile] = []
    with ExitStack() as stack:
        opened = [_open(stack, source) for source in sources]
        parsed = [source.parse(file) for source, file in zip(sources, opened, strict=True)]
        prefixes = _prefixes(sources, parsed)
        for source, file, structure, prefix in zip(sources, opened, parsed, prefixes, strict=True):
            done = _ingest(session, file, structure, prefix, bases, progress)
            files.append(StoredFile(source.path, done.size, done.sha256, done.recipe, source.kind))
            tensors += stored_tensors(structure, prefix, len(storages))
            storages += done.storages
    tree = Tree(
        tuple(sorted(files, key=lambda file: file.path)),
        tuple(storages),
        tuple(sorted(tensors, key=lambda tensor: tensor.name)),
    )
    return StoredSnapshot(session.add_object(ids.TREE, trees.encode(tree)), tree)


def _open(stack: ExitStack, source: Source) -> InputFile | ArrayFile:
    file: InputFile | ArrayFile = source.open()
    stack.enter_context(file)
    return file


def _ingest(
    session: Session,
    file: InputFile | ArrayFile,
    structure: Parsed,
    prefix: str,
    bases: Bases,
    progress: Progress | None,
) -> Ingested:
    def find(name: str, object_id: bytes, spec: TensorSpec, data: Bytes) -> bytes | None:
        return bases.find(prefix + name, object_id, spec, data)

    return ingest(session, file, structure, find, progress)


def _prefixes(sources: Sequence[Source], parsed: Sequence[Parsed]) -> list[str]:
    """Choose what keeps tensor names unique: a file that shares a name gets `PATH:` before all.

    Shards of one model share none, so their tensors keep the names the model gave them. A model
    folder may hold the same weights in ONNX too: then these alone get the prefix.
    """
    everywhere = Counter(tensor.name for structure in parsed for tensor in structure.tensors)
    plain = Counter(
        tensor.name
        for source, structure in zip(sources, parsed, strict=True)
        if source.kind not in GRAPH_KINDS
        for tensor in structure.tensors
    )
    counts = [everywhere if source.kind in GRAPH_KINDS else plain for source in sources]
    return [
        f"{source.path}:" if any(count[tensor.name] > 1 for tensor in structure.tensors) else ""
        for source, structure, count in zip(sources, parsed, counts, strict=True)
    ]
