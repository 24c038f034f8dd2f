"""Write a version's files: byte for byte, or its weights converted, selected or truncated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelhub import ids
from modelhub.dlv import export
from modelhub.dlv.export import Exported
from modelhub.dlv.export_network import export_onnx
from modelhub.dlv.lossy import LossyLabel, label_of
from modelhub.dlv.resolve import Resolved, format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import planes_for
from modelhub.errors import BadInputError, ConflictError, CorruptionError, UsageError
from modelhub.fs import files as fs_files
from modelhub.fs.files import InputFile
from modelhub.pas import rebuild
from modelhub.pas import tree as trees
from modelhub.pas.retrieve import Planes
from modelhub.pas.tree import StoredFile, Tree

__all__ = ["CheckedOut", "CheckoutResult", "checkout"]

Progress = Callable[[int, int], None]

# Read in steps when an existing file is compared: large enough to run at the disk's speed.
_COMPARE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """A file as written; `verified` says that it is byte for byte the one that was added."""

    path: str
    size: int
    sha256: str
    verified: bool


@dataclass(frozen=True, slots=True)
class CheckoutResult:
    """What was written, in bytes, and the compressed bytes read from packs for it.

    `lossy` is the label of a version whose values are not those that were committed; `notes` says
    what the format of a conversion changes.
    """

    rev: str
    files: tuple[CheckedOut, ...]
    bytes_written: int
    bytes_read: int
    lossy: LossyLabel | None
    notes: tuple[str, ...] = ()


def checkout(
    repo: Repo,
    rev: str,
    out: Path,
    *,
    planes: int | Mapping[str, int] | None = None,
    precision: str | None = None,
    tensors: str | None = None,
    format: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> CheckoutResult:
    """Write the files of a version, with the weights of the snapshot meant, into a folder.

    Args:
        planes: Keep only the leading bytes of each value; low-order bytes are written as zero.
        precision: "bf16" writes float32 tensors as bfloat16, from their leading two bytes.
        tensors: Write only tensors whose name fits this pattern, as one file.
        format: Write the weights as one "safetensors", "npz" or "torch" file, or network and
            weights as an "onnx" file.
        force: Replace files that differ.

    Raises:
        NotFoundError: no such revision, or no tensor fits.
        ConflictError: a file that differs is in the way.
        CorruptionError: stored bytes are damaged; the file concerned is not written.
    """
    found = resolve(repo, rev)
    if planes is not None and precision is not None:
        raise UsageError("both planes and precision are given", expected="one of them")
    if format is not None or tensors is not None or precision is not None:
        return _converted(repo, found, out, planes, precision, tensors, format, force)
    tree = _tree(repo, found)
    wanted = _files(found, tree)
    todo = [file for file in wanted if not _there(file, target_path(out, file.path), planes, force)]
    cut = None if planes is None or tree is None else _cut(tree, planes)
    total = sum(file.size for file in todo)
    done = 0

    def step(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total)

    written, bytes_read = {}, 0
    for file in todo:
        path = target_path(out, file.path)
        _make_folder(path.parent)
        made = rebuild.write_file(repo.store, file, path, planes=cut, progress=step)
        bytes_read += made.bytes_read
        written[file.path] = CheckedOut(file.path, file.size, made.sha256.hex(), made.verified)
    result = tuple(
        written.get(file.path, CheckedOut(file.path, file.size, file.sha256.hex(), True))
        for file in wanted
    )
    return CheckoutResult(_rev(found), result, total, bytes_read, _label(repo, found))


def _rev(found: Resolved) -> str:
    label = f"#{found.snapshot.label}" if found.snapshot is not None else ""
    return format_rev(found.version) + label


def _label(repo: Repo, found: Resolved) -> LossyLabel | None:
    with repo.catalog.read() as txn:
        return label_of(txn.metadata(found.version.id))


def _tree(repo: Repo, found: Resolved) -> Tree | None:
    if found.snapshot is None:
        return None
    return trees.decode(repo.store.blob(found.snapshot.tree))


def _files(found: Resolved, tree: Tree | None) -> list[StoredFile]:
    """Return the snapshot's files and the associated ones; the snapshot's win a shared path."""
    chosen = {
        file.path: StoredFile(file.path, file.size, file.sha256, file.recipe)
        for file in found.version.files
    }
    if tree is not None:
        chosen.update({file.path: file for file in tree.files})
    return [chosen[path] for path in sorted(chosen)]


def target_path(out: Path, inside: str) -> Path:
    """Return where a file of a version goes.

    Raises:
        CorruptionError: kind `unsafe_path`, the path would leave the folder.
    """
    parts = PurePosixPath(inside).parts
    unsafe = not parts or inside.startswith("/") or ".." in parts or "\0" in inside
    if unsafe or (len(parts) and ":" in parts[0] and Path(parts[0]).drive):
        raise CorruptionError(
            f"path {inside!r} leaves the folder", where="manifest", kind="unsafe_path"
        )
    return out.joinpath(*parts)


def _there(file: StoredFile, path: Path, planes: Planes, force: bool) -> bool:
    """Say whether the very file is there already; refuse to replace another."""
    if force or not fs_files.exists(path):
        return False
    whole = planes is None and path.is_file()
    if whole and fs_files.file_stat(path).st_size == file.size and _sha256(path) == file.sha256:
        return True
    raise ConflictError(
        "a file that differs is in the way",
        where=str(path),
        hint="check out into another folder with -o DIR, or replace it with --force",
    )


def _sha256(path: Path) -> bytes:
    sha = ids.sha256()
    with InputFile(path) as file:
        for start in range(0, file.size, _COMPARE_BYTES):
            sha.update(file.read(start, min(_COMPARE_BYTES, file.size - start)))
    return sha.digest()


def _make_folder(path: Path) -> None:
    if not fs_files.exists(path):
        _make_folder(path.parent)
        fs_files.make_dir(path)
    elif not path.is_dir():
        raise ConflictError("a file is in the way of a folder", where=str(path))


def _cut(tree: Tree, planes: Planes) -> dict[bytes, int]:
    """Map storages to the leading bytes to keep; tied names get the finest asked for."""
    finest: dict[bytes, int | None] = {}
    for tensor in tree.tensors:
        object_id = tree.storages[tensor.storage].id
        asked = planes_for(tensor.name, planes)
        there = finest.get(object_id, 0)
        finest[object_id] = None if asked is None or there is None else max(asked, there)
    return {object_id: k for object_id, k in finest.items() if k is not None}


def _converted(
    repo: Repo,
    found: Resolved,
    out: Path,
    planes: Planes,
    precision: str | None,
    tensors: str | None,
    format: str | None,
    force: bool,
) -> CheckoutResult:
    """Write the chosen tensors of the snapshot as one file of another make."""
    if precision not in (None, "bf16"):
        raise BadInputError(f"precision {precision!r}", expected="bf16")
    if found.snapshot is None:
        raise BadInputError("the version has no weights", where=_rev(found))
    kind = format or "safetensors"
    path = out / export.file_name(kind)
    if fs_files.exists(path) and not force:
        raise ConflictError(
            "a file is in the way",
            where=str(path),
            hint="check out into another folder with -o DIR, or replace it with --force",
        )
    if kind == "onnx":
        if planes is not None or precision is not None or tensors is not None:
            raise UsageError(
                "the format onnx with planes, a precision or tensors",
                expected="the whole network with exact weights",
            )
        _make_folder(out)
        made, notes = export_onnx(repo, found.version, found.snapshot, path)
        return _one_file(repo, found, path, made, notes)
    _make_folder(out)
    made = export.export(
        repo,
        found.snapshot.tree,
        path,
        kind,
        planes=planes,
        tensors=tensors,
        as_bfloat16=precision == "bf16",
    )
    return _one_file(repo, found, path, made, ())


def _one_file(
    repo: Repo, found: Resolved, path: Path, made: Exported, notes: tuple[str, ...]
) -> CheckoutResult:
    file = CheckedOut(path.name, made.size, made.sha256.hex(), False)
    label = _label(repo, found)
    return CheckoutResult(_rev(found), (file,), made.size, made.bytes_read, label, notes)
