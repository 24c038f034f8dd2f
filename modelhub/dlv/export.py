"""Write a snapshot's tensors as one safetensors, npz or torch file, tensor by tensor.

ONNX files, which hold the network too, are written by `modelhub.dlv.export_network`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from modelhub import ids, optional
from modelhub.containers import safetensors
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import matching, planes_for
from modelhub.errors import BadInputError, NotFoundError
from modelhub.fs.files import OutputFile
from modelhub.pas import tree as trees
from modelhub.pas.retrieve import Planes, read_storage, view_of
from modelhub.pas.tree import StoredTensor, Tree
from modelhub.tensors.arrays import TensorSpec, to_bytes
from modelhub.tensors.dtypes import by_name

__all__ = ["Exported", "export", "file_name", "read_arrays"]

_NAMES = {
    "safetensors": "model.safetensors",
    "npz": "model.npz",
    "torch": "model.pt",
    "onnx": "model.onnx",
}

# What numpy itself can name in an .npy header; the others would come back as raw void types.
_NPZ_KINDS = "biufc"


@dataclass(frozen=True, slots=True)
class Exported:
    """A file as written: size in bytes, SHA-256, and compressed bytes read from packs for it."""

    size: int
    sha256: bytes
    bytes_read: int


def file_name(kind: str) -> str:
    """Return the name of an exported file.

    Raises:
        BadInputError: there is no such format.
    """
    if kind not in _NAMES:
        raise BadInputError(f"format {kind!r}", expected=f"one of {', '.join(_NAMES)}")
    return _NAMES[kind]


class _Tensors:
    """The chosen tensors of a tree, read one by one."""

    def __init__(
        self,
        repo: Repo,
        tree: Tree,
        planes: Planes,
        tensors: str | None,
        *,
        as_bfloat16: bool,
        unpacked: bool,
    ) -> None:
        self._repo = repo
        self._tree = tree
        self._planes = planes
        self._as_bfloat16 = as_bfloat16
        self._unpacked = unpacked
        self.chosen = [tensor for tensor in tree.tensors if matching(tensor.name, tensors)]
        self.bytes_read = 0
        if not self.chosen:
            raise NotFoundError(
                f"no tensor fits {tensors!r}", expected=f"one of {len(tree.tensors)} names"
            )

    def _halves(self, tensor: StoredTensor) -> bool:
        return self._as_bfloat16 and tensor.dtype == "float32"

    def spec(self, tensor: StoredTensor) -> TensorSpec:
        """Return dtype and shape as written."""
        return TensorSpec("bfloat16" if self._halves(tensor) else tensor.dtype, tensor.shape)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        for tensor in self.chosen:
            storage = self._tree.storages[tensor.storage]
            planes = 2 if self._halves(tensor) else planes_for(tensor.name, self._planes)
            read = read_storage(self._repo.store, storage, planes=planes)
            self.bytes_read += read.bytes_read
            array = view_of(read.array, tensor)
            if self._unpacked and by_name(tensor.dtype).packed:
                raise BadInputError(
                    f"dtype {tensor.dtype}, several values to a byte",
                    expected="a format that has it",
                    where=tensor.name,
                    hint="use --format safetensors",
                    kind="bad_dtype",
                )
            if self._halves(tensor):
                words = np.ascontiguousarray(array).view(np.uint32) >> np.uint32(16)
                array = words.astype(np.uint16).view(ml_dtypes.bfloat16).reshape(tensor.shape)
            yield tensor.name, array


class _Hashed:
    """Passes bytes on to a file while it hashes and counts them; not seekable, on purpose."""

    def __init__(self, out: OutputFile) -> None:
        self._out = out
        self.sha = ids.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        """Write a buffer and return its length."""
        view = memoryview(data).cast("B")
        self._out.write(view)
        self.sha.update(view)
        self.size += view.nbytes
        return view.nbytes

    def flush(self) -> None:
        """Do nothing: the file is flushed when it takes its place."""


def export(
    repo: Repo,
    tree_id: bytes,
    path: Path,
    kind: str,
    *,
    planes: Planes = None,
    tensors: str | None = None,
    as_bfloat16: bool = False,
) -> Exported:
    """Write the tensors that fit a pattern, exact or with their leading bytes only.

    Raises:
        NotFoundError: no tensor fits.
        BadInputError: the format cannot hold a dtype.
    """
    tree = trees.decode(repo.store.blob(tree_id))
    unpacked = kind != "safetensors"
    source = _Tensors(repo, tree, planes, tensors, as_bfloat16=as_bfloat16, unpacked=unpacked)
    with OutputFile(path) as out:
        sink = _Hashed(out)
        if kind == "safetensors":
            _write_safetensors(source, sink)
        elif kind == "npz":
            _write_npz(source, sink)
        else:
            _write_torch(source, sink)
        out.commit()
    return Exported(sink.size, sink.sha.digest(), source.bytes_read)


def read_arrays(repo: Repo, tree_id: bytes) -> tuple[dict[str, np.ndarray], int]:
    """Return all tensors of a tree, exact, and the compressed bytes read from packs for them.

    Raises:
        NotFoundError: there are none.
        BadInputError: a dtype has no arrays.
    """
    tree = trees.decode(repo.store.blob(tree_id))
    source = _Tensors(repo, tree, None, None, as_bfloat16=False, unpacked=True)
    arrays = dict(source)
    return arrays, source.bytes_read


def _write_safetensors(source: _Tensors, sink: _Hashed) -> None:
    specs = [(tensor.name, source.spec(tensor)) for tensor in source.chosen]
    sink.write(safetensors.header_bytes(specs, {}))
    for _, array in source:
        sink.write(to_bytes(array))


def _write_npz(source: _Tensors, sink: _Hashed) -> None:
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, array in source:
            if array.dtype.kind not in _NPZ_KINDS or not array.dtype.isbuiltin:
                raise BadInputError(
                    f"dtype {array.dtype} cannot be kept in an npz file",
                    where=name,
                    hint="use --format safetensors",
                    kind="bad_dtype",
                )
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _write_torch(source: _Tensors, sink: _Hashed) -> None:
    torch = optional.require("torch", "torch")
    state = {name: _to_torch(torch, name, array) for name, array in source}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    sink.write(buffer.getbuffer())


def _to_torch(torch: Any, name: str, array: np.ndarray) -> Any:
    dtype = getattr(torch, array.dtype.name, None)
    if dtype is None:
        raise BadInputError(
            f"this torch has no dtype {array.dtype.name}",
            where=name,
            hint="use --format safetensors",
            kind="bad_dtype",
        )
    if array.size == 0:
        return torch.empty(array.shape, dtype=dtype)
    flat = torch.from_numpy(np.frombuffer(to_bytes(array), np.uint8).copy())
    return flat.view(dtype).reshape(array.shape)
