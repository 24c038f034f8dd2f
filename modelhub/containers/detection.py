"""Tell a file's kind by its name and its first bytes, and read the structure of each kind.

Only a name that promises weights makes a file one; its first bytes must then keep the promise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modelhub.containers import (
    npy,
    npz,
    onnx,
    pt2,
    safetensors,
    torch_legacy,
    torch_zip,
    zip_index,
)
from modelhub.containers.model import Parsed, Readable
from modelhub.errors import BadInputError

__all__ = ["GRAPH_KINDS", "KINDS", "WEIGHT_SUFFIXES", "detect", "parse"]

_BY_SUFFIX = {
    ".safetensors": "safetensors",
    ".npz": "npz",
    ".npy": "npy",
    ".pt": "torch",
    ".pth": "torch",
    ".onnx": "onnx",
    ".pt2": "pt2",
}
# Other programs use these for their own formats, so they are torch files by content only.
_AMBIGUOUS = frozenset({".bin", ".ckpt"})
WEIGHT_SUFFIXES = frozenset(_BY_SUFFIX) | _AMBIGUOUS

# Kinds of files that hold a network beside its weights.
GRAPH_KINDS = frozenset({"onnx", "pt2"})

# Transformers' Trainer pickles its settings, a Python class, under this name, beside the weights.
_NOT_WEIGHTS = frozenset({"training_args.bin"})

_HEAD_BYTES = 64
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def detect(path: Path, file: Readable) -> str:
    """Return "safetensors", "npz", "npy", "torch", "onnx", "pt2" or "file".

    Raises:
        BadInputError: the name promises weights, but the file is a Git LFS pointer to them.
    """
    suffix = path.suffix.lower()
    if suffix not in WEIGHT_SUFFIXES or path.name in _NOT_WEIGHTS:
        return "file"
    head = file.read(0, min(file.size, _HEAD_BYTES))
    if head.startswith(_LFS_POINTER):
        raise BadInputError(
            "a Git LFS pointer, not the weights",
            expected="the file itself",
            where=str(file.path),
            hint="run `git lfs pull` where it was cloned",
        )
    if suffix not in _AMBIGUOUS:
        return _BY_SUFFIX[suffix]
    return "torch" if _is_torch(head, file) else "file"


def _is_legacy(head: bytes) -> bool:
    return torch_legacy.MAGIC in head[: torch_legacy.MAGIC_WITHIN]


def _is_torch(head: bytes, file: Readable) -> bool:
    if not head.startswith(zip_index.MAGIC):
        return _is_legacy(head)
    try:
        return torch_zip.has_pickle(file)
    except BadInputError:
        # A damaged archive: it should not pass as an associated file without a word.
        return True


def _torch(file: Readable) -> Parsed:
    head = file.read(0, min(file.size, _HEAD_BYTES))
    if head.startswith(zip_index.MAGIC):
        return torch_zip.parse(file)
    if _is_legacy(head):
        return torch_legacy.parse(file)
    raise BadInputError(
        f"first bytes {head[:8]!r}",
        expected="those of a file that torch.save wrote",
        where=str(file.path),
        hint="to keep the file unread, run `modelhub add --as-file PATH`",
        kind="bad_header" if file.size else "truncated",
    )


def _plain(file: Readable) -> Parsed:
    return Parsed("file", file.size, [], [])


KINDS: dict[str, Callable[[Readable], Parsed]] = {
    "safetensors": safetensors.parse,
    "npz": npz.parse,
    "npy": npy.parse,
    "torch": _torch,
    "onnx": onnx.parse,
    "pt2": pt2.parse,
    "file": _plain,
}


def parse(file: Readable, kind: str) -> Parsed:
    """Return a file's structure; reads headers and pickles, not the values.

    Args:
        kind: What `detect` returned.

    Raises:
        BadInputError: the file is damaged, unsafe, or of another kind.
    """
    return KINDS[kind](file)
