"""Read the weights of a snapshot by prefixes: leading bits first, completed where they do not do.

What a tensor's leading segments leave open is its *box*: for each weight the least and the greatest
value that it may go on to. Progressive retrieval after Miao, Li, Davis and Deshpande, ICDE 2017,
section IV-B; the unit of prefixes is `pas.segments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from modelhub.dlv.state import Repo
from modelhub.dlv.weights import matching
from modelhub.errors import BadInputError, NotFoundError, UsageError
from modelhub.pas import tree as trees
from modelhub.pas.prefixes import KeptPrefixes
from modelhub.pas.retrieve import view_of
from modelhub.pas.segments import Step
from modelhub.pas.tree import StoredStorage, StoredTensor
from modelhub.progressive.boxes import DTYPES, cut_box, weights_box
from modelhub.tensors.arrays import TensorSpec, from_bytes
from modelhub.tensors.dtypes import numpy_dtype

__all__ = ["Prefixes", "Step"]


class Prefixes:
    """The weights of one snapshot, read by prefixes; safe to use from several threads.

    What was read is kept as it is stored, compressed, and completed, never read twice; tied
    tensors, views of one storage, and tensors that stand on one base share it. It makes no
    difference whether bytes lie in the repository, in the folder of a tier, or behind its URL,
    which is asked for ranges.

    Attributes:
        names: The tensors, in the order of the tree.
    """

    def __init__(self, repo: Repo, tree_id: bytes, tensors: str | None = None) -> None:
        """Look at the indexes of packs; no weight is read.

        Args:
            tree_id: The snapshot's tree.
            tensors: Only names that fit this pattern with `*`, `?` and `[...]`.

        Raises:
            NotFoundError: no tensor fits the pattern.
        """
        tree = trees.decode(repo.store.blob(tree_id))
        self._tensors = {t.name: t for t in tree.tensors if matching(t.name, tensors)}
        if tensors is not None and not self._tensors:
            raise NotFoundError(
                f"no tensor fits {tensors!r}", expected=f"one of {len(tree.tensors)} names"
            )
        self._storages = tree.storages
        self._kept = KeptPrefixes(repo.store)
        self._steps: dict[str, tuple[Step, ...]] = {}
        self.names = tuple(self._tensors)

    def _tensor(self, name: str) -> StoredTensor:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise NotFoundError(f"no tensor {name!r}", expected=f"one of {len(self.names)} names")
        return tensor

    def _storage(self, name: str) -> StoredStorage:
        return self._storages[self._tensor(name).storage]

    def steps(self, name: str) -> tuple[Step, ...]:
        """Return the prefixes that a tensor can be read by, coarse to fine; the last is exact.

        Tensors without boxes, such as integers, have the exact one alone. Bytes are those of the
        whole storage, and of all that it stands on.
        """
        found = self._steps.get(name)
        if found is None:
            tensor, storage = self._tensor(name), self._storage(name)
            whole = tensor.dtype not in DTYPES or storage.dtype != tensor.dtype
            found = self._steps[name] = self._kept.steps(storage.id, whole=whole)
        return found

    @property
    def bytes_full(self) -> int:
        """Compressed bytes of payload that reading all tensors exactly takes, each object once."""
        return self._kept.nbytes(self._objects(dict.fromkeys(self.names, 1 << 30)))

    @property
    def bytes_read(self) -> int:
        """Bytes of payload read so far, counted where they are read.

        From behind a URL also what came along between two ranges, and companions sent whole by a
        place that knows no ranges, which may be more than `bytes_full`.
        """
        return self._kept.bytes_read

    @property
    def record_bytes(self) -> int:
        """Bytes of records read besides: how payloads are laid out; they are always near."""
        return self._kept.record_bytes

    @property
    def seconds(self) -> float:
        """The time that reading took, without decoding."""
        return self._kept.seconds

    @property
    def is_far(self) -> bool:
        """Whether bytes lie in a tier, where reading them may take long."""
        return self._kept.is_far({self._storage(name).id for name in self.names})

    @property
    def far_rate(self) -> float | None:
        """Bytes of a second that came out of a tier; None as long as none did."""
        return self._kept.far_rate

    @property
    def requests(self) -> int:
        """How often a file was read or a place asked."""
        return self._kept.requests

    def nbytes(self, wanted: Mapping[str, int]) -> int:
        """Return the compressed bytes of payload of some prefixes, name -> segments, as `read`."""
        return self._kept.nbytes(self._objects(wanted))

    def read(self, wanted: Mapping[str, int]) -> int:
        """Read what is missing for prefixes of some tensors; return the bytes read now.

        Args:
            wanted: Name -> leading segments, 1 or more; what a tensor has not, is not asked for.

        Raises:
            NotFoundError: there is no such tensor, or one in a tier was stored anew meanwhile, so
                that what is at hand cannot be completed.
            RemoteError: kind `tier`, bytes are far and cannot be had. What came before is kept.
            CorruptionError: a checksum fails, or bytes are missing.
        """
        return self._kept.fetch(self._objects(wanted))

    def _objects(self, wanted: Mapping[str, int]) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for name, segments in wanted.items():
            if segments < 1:
                raise BadInputError(f"{segments} segments", expected="1 or more", where=name)
            # The coarsest step that has them; a finer one would take no more bytes.
            steps = self.steps(name)
            step = next((step for step in steps if step.segments >= segments), steps[-1])
            storage = self._storage(name).id
            found[storage] = max(step.segments, found.get(storage, 0))
        return found

    def held(self, name: str) -> int:
        """Return the leading segments of a tensor that are at hand; 0 if it was not read."""
        steps, there = self.steps(name), self._kept.held(self._storage(name).id)
        return max((step.segments for step in steps if step.segments <= there), default=0)

    def is_exact(self, name: str) -> bool:
        """Say whether all of a tensor is at hand."""
        return self.held(name) == self.steps(name)[-1].segments

    def box(self, name: str, segments: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the greatest value of each weight that what was read allows.

        Where leading bits show an infinity or a NaN the tensor is read whole.

        Args:
            segments: Look at so many of the leading segments only; all that were read by default.

        Returns:
            Two float64 arrays of the tensor's shape, or twice the same one if it is exact; tensors
            that are no floats of 2 bytes or more stand in both as they are.

        Raises:
            UsageError: nothing of the tensor was read.
            RemoteError, CorruptionError: as for `read`.
        """
        tensor, storage = self._tensor(name), self._storage(name)
        segments = min(self._read(name), segments or self._read(name))
        if self._kept.is_cut(storage.id, segments):
            return self._cut(tensor, storage, segments)
        array = self._leading(name)
        if tensor.dtype not in DTYPES:
            return array, array
        try:
            whole = segments == self.steps(name)[-1].segments
            return weights_box(array, array.itemsize if whole else segments)
        except BadInputError:
            # An infinity or a NaN has no neighbours.
            self.read({name: self.steps(name)[-1].segments})
            exact = self._leading(name).astype(np.float64)
            return exact, exact

    def _cut(
        self, tensor: StoredTensor, storage: StoredStorage, segments: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the box of a tensor of which a few bits at fixed places were read."""
        entry = self._kept.entry(storage.id)
        raw, exponents = self._kept.decode_cut(storage.id, segments)
        array = from_bytes(raw, TensorSpec(storage.dtype, storage.shape))
        bits = sum(entry.segment_bits[:segments])
        least, greatest = cut_box(array, exponents, entry.group_elements, bits)
        ends = replace(tensor, dtype="float64")
        return view_of(least, ends), view_of(greatest, ends)

    def values(self, name: str, segments: int | None = None) -> np.ndarray:
        """Return the middle of each weight's box in the tensor's dtype; once complete, the weights.

        Where a box is unbounded it is the end that is not. Segments are as for `box`.

        Raises:
            UsageError, RemoteError, CorruptionError: as for `box`.
        """
        if segments is not None or not self.is_exact(name):
            least, greatest = self.box(name, segments)
            # Boxes of infinities are read whole.
            if least is not greatest:
                with np.errstate(invalid="ignore"):
                    middle = least + (greatest - least) / 2
                near = np.where(np.isfinite(least), least, greatest)
                middle = np.where(np.isfinite(middle), middle, near)
                return middle.astype(numpy_dtype(self._tensor(name).dtype))
        return self._leading(name)

    def _read(self, name: str) -> int:
        """Return what `held` does, 1 at least."""
        segments = self.held(name)
        if segments == 0:
            raise UsageError(f"nothing of {name!r} was read", hint="call `read` first")
        return segments

    def _leading(self, name: str) -> np.ndarray:
        """Return a tensor as far as it was read, low-order bits zero."""
        storage = self._storage(name)
        raw = self._kept.decode(storage.id, self._read(name))
        array = from_bytes(raw, TensorSpec(storage.dtype, storage.shape))
        return view_of(array, self._tensor(name))
