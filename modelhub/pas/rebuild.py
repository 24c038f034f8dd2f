"""Put files together again from recipes, byte for byte.

The SHA-256 of what is written is computed in a second thread while the next object is decoded, and
compared before the file takes its place: a file that fails is never left behind.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelhub import ids
from modelhub.errors import CorruptionError
from modelhub.fs.files import OutputFile
from modelhub.pas import recipe
from modelhub.pas.ingest import Progress
from modelhub.pas.recipe import Literal, Recipe
from modelhub.pas.store import Store
from modelhub.pas.tree import StoredFile

__all__ = ["Rebuilt", "load_recipe", "write_file"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A file as written: its SHA-256, whether that is the original's, and bytes read from packs."""

    sha256: bytes
    verified: bool
    bytes_read: int


def load_recipe(store: Store, recipe_id: bytes) -> Recipe:
    """Return the stored recipe of that id."""
    return recipe.decode(store.blob(recipe_id))


class _Sink:
    """Writes and hashes buffers in a thread of its own, one behind the decoder."""

    def __init__(self, out: OutputFile, pool: ThreadPoolExecutor) -> None:
        self._out = out
        self._pool = pool
        self._sha = ids.sha256()
        self._last: Future[None] | None = None

    def _take(self, data: np.ndarray | bytes) -> None:
        self._out.write(data)
        self._sha.update(data if isinstance(data, bytes) else data.data)

    def put(self, data: np.ndarray | bytes) -> None:
        """Write a buffer; the buffer of the call before is free again when this returns."""
        self.wait()
        self._last = self._pool.submit(self._take, data)

    def wait(self) -> None:
        """Wait until all that was put is written."""
        if self._last is not None:
            self._last.result()

    def digest(self) -> bytes:
        """Return the SHA-256 of all that was put."""
        self.wait()
        return self._sha.digest()


def write_file(
    store: Store,
    file: StoredFile,
    path: Path,
    *,
    planes: dict[bytes, int] | None = None,
    progress: Progress | None = None,
    sync: bool = False,
) -> Rebuilt:
    """Write a stored file to `path`, replacing what is there once the new one is whole.

    Args:
        sync: Make it durable before it takes its place.
        planes: For a truncated copy: object id -> leading bytes of each value to keep. The result
            is then not the original and is not compared with it.

    Raises:
        CorruptionError: the bytes put together are not those that were added.
    """
    steps = load_recipe(store, file.recipe)
    bytes_read = 0
    pair = [np.empty(0, np.uint8), np.empty(0, np.uint8)]
    with OutputFile(path, sync) as out, ThreadPoolExecutor(1, "modelhub-write") as pool:
        sink = _Sink(out, pool)
        for number, step in enumerate(steps.operations):
            if isinstance(step, Literal):
                sink.put(step.data)
                continue
            turn = number & 1
            entry_bytes = store.entry(step.object_id).raw_bytes
            if pair[turn].size < entry_bytes:
                sink.wait()
                pair[turn] = np.empty(0, np.uint8)
                pair[turn] = np.empty(entry_bytes, np.uint8)
            kept = planes.get(step.object_id) if planes is not None else None
            read = store.read(step.object_id, out=pair[turn], planes=kept)
            bytes_read += read.bytes_read
            sink.put(read.data[step.start : step.start + step.length])
            if progress is not None:
                progress(step.length)
        sha256 = sink.digest()
        verified = sha256 == file.sha256
        if not verified and planes is None:
            raise CorruptionError(
                f"rebuilt bytes have SHA-256 {sha256.hex()}",
                expected=file.sha256.hex(),
                where=file.path,
                hint="run `modelhub fsck`",
            )
        out.commit()
    return Rebuilt(sha256, verified, bytes_read)
