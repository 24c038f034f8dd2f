"""Show what a file is made of: a pack, any other file of a repository, or a weights file.

An *inspection* is the kind of file found, facts about it, and its entries, as plain values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelhub import _core, config, containers, ids
from modelhub.catalog import Catalog
from modelhub.containers.model import Parsed
from modelhub.errors import BadInputError, CorruptionError, ModelHubError
from modelhub.fs import files
from modelhub.fs.files import InputFile
from modelhub.fs.layout import Layout, find_root
from modelhub.pas.compressed import SUFFIX, CompressedFile, is_pack
from modelhub.pas.split import is_near, read_companion
from modelhub.tensors.dtypes import by_code

__all__ = ["Inspection", "inspect"]

_PACK_SUFFIXES = frozenset({".pack", SUFFIX})

_LOW_SUFFIX = ".low"

_OBJECT_KINDS = {
    ids.TENSOR: "tensor",
    ids.BLOB: "blob",
    ids.RECIPE: "recipe",
    ids.TREE: "tree",
    ids.NETWORK: "network",
    ids.MANIFEST: "manifest",
    ids.ANNOTATION: "annotation",
}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file is made of; `entries` are rows with equal keys, in file order.

    `problem` is the first damage found, empty where there is none.
    """

    kind: str
    path: Path
    size: int
    facts: Mapping[str, Any]
    entries: tuple[Mapping[str, Any], ...]
    problem: ModelHubError | None = None


def inspect(path: Path, *, verify: bool = False) -> Inspection:
    """Look into a file.

    Args:
        verify: Check every block of a pack against its checksum, which reads all of it.

    Raises:
        NotFoundError: there is no such file.
        CorruptionError, BadInputError: it is damaged, or a folder that is no repository's.
    """
    if path.is_dir():
        return _folder(path)
    size = files.file_stat(path).st_size
    if path.suffix in _PACK_SUFFIXES or is_pack(path) or _is_near(path):
        return _pack(path, size, verify)
    if path.suffix == _LOW_SUFFIX:
        return _companion(path, size)
    own = _own_file(path, size)
    return own if own is not None else _container(path, size)


def _pack(path: Path, size: int, verify: bool) -> Inspection:
    problem: ModelHubError | None = None
    with _core.PackReader(str(path)) as reader:
        rows = [_pack_entry(reader, index) for index in range(reader.count)]
        for index in range(reader.count if verify else 0):
            try:
                reader.verify(index, near_only=reader.is_split)
                rows[index]["state"] = "near ok" if reader.is_split else "ok"
            except ModelHubError as error:
                rows[index]["state"] = "damaged"
                problem = problem or error
        raw = sum(row["raw_bytes"] for row in rows)
        stored = sum(row["stored_bytes"] for row in rows)
        original, damage = _original(path)
        problem = problem or damage
        facts = {
            **original,
            "name": reader.name.hex(),
            "objects": reader.count,
            "raw_bytes": raw,
            "stored_bytes": stored,
            "index_bytes": reader.bytes - stored,
            "deltas": sum(1 for row in rows if row["base"]),
        }
        if reader.is_split:
            facts["far_bytes"] = reader.far_bytes
            facts["companion_sha256"] = reader.low_sha256.hex()
        near = reader.is_split
    kind = "near file" if near else "compressed file" if original or damage else "pack"
    return Inspection(kind, path, size, facts, tuple(rows), problem)


def _is_near(path: Path) -> bool:
    with InputFile(path) as file:
        return is_near(file.read(0, min(file.size, 8)))


def _companion(path: Path, size: int) -> Inspection:
    name, far = read_companion(path)
    return Inspection("companion", path, size, {"pack": name.hex(), "far_bytes": far}, ())


def _original(path: Path) -> tuple[dict[str, Any], ModelHubError | None]:
    """Return what a compressed file says of its original; nothing for a repository's pack."""
    try:
        with CompressedFile(path) as compressed:
            file = compressed.file
    except BadInputError:
        return {}, None
    except CorruptionError as error:
        return {}, error
    return {
        "original": file.path,
        "original_kind": file.kind,
        "original_bytes": file.size,
        "original_sha256": file.sha256.hex(),
    }, None


def _pack_entry(reader: _core.PackReader, index: int) -> dict[str, Any]:
    entry = reader.entry(index)
    return {
        "id": entry.id.hex(),
        "kind": _OBJECT_KINDS.get(entry.kind, f"kind {entry.kind}"),
        "dtype": by_code(entry.dtype_code).name,
        "shape": list(entry.shape),
        "raw_bytes": entry.raw_bytes,
        "stored_bytes": entry.stored_bytes,
        "layout": "progressive" if entry.is_fixed else "ordinary",
        "segment_bytes": list(entry.segment_bytes),
        "segment_bits": list(entry.segment_bits),
        "codecs": reader.codecs(index),
        "base": "" if entry.base is None else entry.base.hex(),
        "depth": entry.depth,
        "offset": entry.offset,
    }


def _folder(path: Path) -> Inspection:
    root = find_root(path.absolute())
    if root is None or path.absolute().resolve() not in _own_folders(Layout(root)):
        raise BadInputError(
            "a folder",
            expected="a file, or the catalog of a repository",
            where=str(path),
            hint="name a file; for a repository see `modelhub du`",
        )
    return _catalog(Layout(root))


def _own_folders(layout: Layout) -> list[Path]:
    return [folder.resolve() for folder in (layout.root, layout.dot, layout.catalog_dir)]


def _catalog(layout: Layout) -> Inspection:
    with Catalog.open(layout.catalog_dir, readonly=True) as catalog, catalog.read() as txn:
        facts = {"rows": sum(txn.counts().values())}
        rows = tuple({"relation": key, "rows": count} for key, count in txn.counts().items())
        size = txn.catalog_bytes
    return Inspection("catalog", layout.catalog_dir, size, facts, rows)


def _own_file(path: Path, size: int) -> Inspection | None:
    """Look into a repository's settings, stage, lock or catalog file; None for any other file."""
    root = find_root(path.absolute())
    if root is None:
        return None
    layout, place = Layout(root), path.absolute().resolve()
    if place.parent == layout.catalog_dir.resolve():
        return _catalog(layout)
    if place == layout.config_file.resolve():
        text = files.read_bytes(path).decode("utf-8", "replace")
        settings = config.dump(config.load(text))
        lines = (line.partition("=") for line in settings.splitlines() if "=" in line)
        facts = {key.strip(): value.strip() for key, _, value in lines}
        return Inspection("config", path, size, facts, ())
    if place == layout.stage_file.resolve():
        return _stage(path, size)
    if place == layout.lock_file.resolve():
        holder = files.read_bytes(path).decode("utf-8", "replace").strip()
        return Inspection("lock", path, size, {"last holder": holder}, ())
    return None


def _stage(path: Path, size: int) -> Inspection:
    try:
        rows = json.loads(files.read_bytes(path))["files"]
        entries = tuple(
            {key: row[key] for key in ("path", "kind", "size", "tensors", "source")} for row in rows
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInputError(f"not a stage ({error})", where=str(path)) from error
    return Inspection("stage", path, size, {"files": len(entries)}, entries)


def _container(path: Path, size: int) -> Inspection:
    with InputFile(path) as file:
        kind = containers.detect(path, file)
        if kind == "file":
            sha = ids.sha256()
            for start in range(0, size, 1 << 22):
                sha.update(file.read(start, min(1 << 22, size - start)))
            return Inspection("file", path, size, {"sha256": sha.hexdigest()}, ())
        parsed = containers.parse(file, kind)
        return _parsed(path, parsed)


def _parsed(path: Path, parsed: Parsed) -> Inspection:
    literal = sum(piece[2] for piece in parsed.pieces() if piece[0] == "literal")
    facts: dict[str, Any] = {
        "tensors": len(parsed.tensors),
        "storages": len(parsed.storages),
        "tensor_bytes": sum(storage.nbytes for storage in parsed.storages),
        "other_bytes": literal,
    }
    facts.update((f"metadata {key}", value) for key, value in parsed.metadata.items())
    facts.update((f"note {index}", note) for index, note in enumerate(parsed.notes, 1))
    entries = []
    for tensor in parsed.tensors:
        storage = parsed.storages[tensor.storage]
        whole = tensor.strides is None
        entries.append(
            {
                "name": tensor.name,
                "dtype": tensor.dtype,
                "shape": list(tensor.shape),
                "storage": tensor.storage,
                "bytes": storage.nbytes,
                "offset": storage.offset,
                "view": "" if whole else f"+{tensor.offset_elements} by {tensor.strides}",
            }
        )
    return Inspection(parsed.kind, path, parsed.size, facts, tuple(entries))
