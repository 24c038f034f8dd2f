"""Look at a folder as a model: its files, its weights, its configuration, its shard indexes."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from modelhub.containers.detection import WEIGHT_SUFFIXES, detect
from modelhub.containers.model import Scalar
from modelhub.containers.scalars import Scalars
from modelhub.errors import BadInputError
from modelhub.fs import files

__all__ = ["Folder", "load_object", "scan_folder"]

# Version control's, ours, and the download tool's own bookkeeping.
_SKIPPED = frozenset({".git", ".modelhub", ".cache"})
_CONFIG = "config.json"
_INDEX_SUFFIX = ".index.json"
# Configurations are a few KB and indexes a few MB; more is not read as either.
_JSON_BYTES_MAX = 64 << 20
# Deeper than any model; a loop of mounts would have no end.
_DEPTH_MAX = 32


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder holds.

    Attributes:
        files: (path relative to the folder with "/", absolute path), sorted by the first.
        weights: Relative paths of the files that have tensors.
        config: The content of config.json, if it is there.
        metadata: The scalars of config.json as `config.<name>`.
        notes: Remarks.
    """

    root: Path
    files: tuple[tuple[str, Path], ...]
    weights: tuple[str, ...]
    config: Mapping[str, Any] | None
    metadata: dict[str, Scalar]
    notes: tuple[str, ...]


def scan_folder(path: Path) -> Folder:
    """Return what a folder holds; reads config.json, shard indexes and the weights' first bytes.

    Links to files inside the folder are followed, as are those of the Hugging Face cache into its
    own `blobs`; `.git`, `.modelhub` and `.cache` are skipped.

    Raises:
        BadInputError: kind missing_shard; unsafe_path for a link that leaves the folder; a weights
            file is a Git LFS pointer; config.json or an index is no JSON.
    """
    root = path.resolve()
    found = dict(sorted(_walk(root, root, PurePosixPath(), 0)))
    weights = tuple(
        name
        for name, source in found.items()
        if PurePosixPath(name).suffix.lower() in WEIGHT_SUFFIXES and _has_tensors(source)
    )
    scalars = Scalars()
    config = load_object(found[_CONFIG]) if _CONFIG in found else None
    if config is not None:
        scalars.add_json("config", config)
    notes = scalars.notes()
    for name, source in found.items():
        if name.endswith(_INDEX_SUFFIX):
            notes += _check_index(name, source, found, bool(weights))
    return Folder(root, tuple(found.items()), weights, config, scalars.values, tuple(notes))


def _walk(root: Path, folder: Path, prefix: PurePosixPath, depth: int) -> list[tuple[str, Path]]:
    if depth > _DEPTH_MAX:
        raise BadInputError(
            f"folders nested more than {_DEPTH_MAX} deep", where=str(folder), kind="unsafe_path"
        )
    found: list[tuple[str, Path]] = []
    for name in files.list_dir(folder):
        path = folder / name
        if name in _SKIPPED:
            continue
        target = _inside(root, path) if path.is_symlink() else path
        mode = files.file_stat(target).st_mode
        if stat.S_ISREG(mode):
            found.append((str(prefix / name), path))
        elif stat.S_ISDIR(mode) and target == path:
            found += _walk(root, path, prefix / name, depth + 1)
        else:
            what = "a link to a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
            raise BadInputError(
                what,
                expected="files and folders",
                where=str(path),
                hint="remove it, or add the files one by one",
                kind="unsafe_path",
            )
    return found


def _inside(root: Path, link: Path) -> Path:
    """Return where a link leads; raises BadInputError if that is outside the folder."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise BadInputError(
            "a link that leads nowhere", where=str(link), hint="remove it", kind="unsafe_path"
        ) from error
    allowed = [root]
    # <cache>/models--x/snapshots/<revision>/model.safetensors -> ../../blobs/<digest>
    if root.parent.name == "snapshots":
        allowed.append(root.parent.parent / "blobs")
    if not any(target.is_relative_to(place) for place in allowed):
        raise BadInputError(
            f"a link that leaves the folder, to {target}",
            expected="links to files inside it",
            where=str(link),
            hint="replace the link by the file, or add that file by itself",
            kind="unsafe_path",
        )
    return target


def _has_tensors(path: Path) -> bool:
    with files.InputFile(path) as file:
        return detect(path, file) != "file"


def load_object(path: Path, bytes_max: int = _JSON_BYTES_MAX) -> Mapping[str, Any]:
    """Read a JSON object, such as a configuration.

    Raises:
        BadInputError: the file is larger than `bytes_max`, or holds anything else.
    """
    size = files.file_stat(path).st_size
    if size > bytes_max:
        raise BadInputError(
            f"{size} bytes", expected=f"at most {bytes_max} of JSON", where=str(path)
        )
    try:
        value = json.loads(files.read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            f"no JSON ({str(error)[:120]})", where=str(path), kind="bad_header"
        ) from error
    if not isinstance(value, dict):
        raise BadInputError("no JSON object", where=str(path), kind="bad_header")
    return value


def _check_index(
    name: str, source: Path, found: Mapping[str, Path], has_weights: bool
) -> list[str]:
    """Make sure that the shards of an index are there; return a remark if none of them is.

    A folder may keep the index of a format of which no shard was downloaded: that is no damage as
    long as there are other weights.
    """
    weight_map = load_object(source).get("weight_map")
    if weight_map is None:
        return []
    if not isinstance(weight_map, dict) or not all(
        isinstance(shard, str) for shard in weight_map.values()
    ):
        raise BadInputError(
            "a weight_map that does not map tensors to files", where=str(source), kind="bad_header"
        )
    shards = sorted(set(weight_map.values()))
    for shard in shards:
        if (
            not shard
            or "\\" in shard
            or PurePosixPath(shard).is_absolute()
            or ".." in shard.split("/")
        ):
            raise BadInputError(
                f"shard {shard[:120]!r}",
                expected="a file beside the index",
                where=str(source),
                kind="unsafe_path",
            )
    folder = PurePosixPath(name).parent
    missing = [shard for shard in shards if str(folder / shard) not in found]
    if not missing:
        return []
    if len(missing) == len(shards) and has_weights:
        return [f"{name}: none of its {len(shards)} shards is here"]
    raise BadInputError(
        f"{len(missing)} of {len(shards)} shards are missing, first {missing[0]}",
        expected="each file that the index names",
        where=str(source),
        hint="download the missing files, or remove the index",
        kind="missing_shard",
    )
