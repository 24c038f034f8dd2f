"""Say of versions that a lossy scheme changed their values: by which, and how far.

The label stands in the manifest's metadata, where lists find it through the catalog, and what
became of each tensor in the tree; both are part of ids, so that neither can be lost or changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelhub.errors import BadInputError
from modelhub.pas.tree import Loss, Tree
from modelhub.tensors import schemes

__all__ = [
    "LossyFacts",
    "LossyLabel",
    "TensorLoss",
    "facts_of",
    "is_reserved",
    "label_of",
    "metadata_of",
    "refuse_reserved",
]

Scalar = str | int | float | bool

_PREFIX = "lossy."
_SCHEME, _SOURCE = "lossy.scheme", "lossy.source"
_BOUND, _MAX_ERROR = "lossy.bound", "lossy.max_error"
_JOINT = ", "


@dataclass(frozen=True, slots=True)
class LossyLabel:
    """The schemes of a version and its worst tensor: largest possible and largest measured error.

    `scheme` has several names where a lossy version was copied by another scheme; the errors are
    those of the last copy, against the version with the id `source`. `bound` is None where the
    scheme promises none.
    """

    scheme: str
    source: bytes
    bound: float | None
    max_error: float

    @property
    def copies(self) -> int:
        """How many lossy copies led here."""
        return len(self.scheme.split(_JOINT))


@dataclass(frozen=True, slots=True)
class TensorLoss:
    """What the scheme did to a tensor."""

    name: str
    loss: Loss


@dataclass(frozen=True, slots=True)
class LossyFacts:
    """A label with what is behind it in one snapshot; `exact` names the tensors left alone.

    `source` is the version that the errors are measured against, in words.
    """

    label: LossyLabel
    source: str
    rule: str
    tensors: tuple[TensorLoss, ...]
    exact: tuple[str, ...]


def is_reserved(key: str) -> bool:
    """Say whether a key of metadata is one that only a lossy copy sets."""
    return key.startswith(_PREFIX)


def refuse_reserved(keys: Iterable[str]) -> None:
    """Raise BadInputError, kind bad_name, if one of the keys is reserved."""
    for key in keys:
        if is_reserved(key):
            raise BadInputError(
                f"metadata key {key!r}",
                expected=f"a key that does not begin with {_PREFIX!r}",
                hint="such keys say what `modelhub copy --scheme` did to the values",
                kind="bad_name",
            )


def label_of(metadata: Mapping[str, Scalar]) -> LossyLabel | None:
    """Return the label that a version's metadata hold; None for an exact version."""
    scheme = metadata.get(_SCHEME)
    if scheme is None:
        return None
    bound = metadata.get(_BOUND)
    return LossyLabel(
        str(scheme),
        bytes.fromhex(str(metadata.get(_SOURCE, ""))),
        None if bound is None else float(bound),
        float(metadata.get(_MAX_ERROR, 0.0)),
    )


def metadata_of(trees: Sequence[Tree], source: bytes) -> dict[str, Scalar]:
    """Return the metadata that label a version with these snapshots, made from `source`."""
    lossy = [tree.lossy for tree in trees if tree.lossy is not None]
    losses = [loss for found in lossy for loss in found.losses if loss is not None]
    bounds = [loss.bound for loss in losses]
    metadata: dict[str, Scalar] = {
        # Snapshots of one version have been through the same copies.
        _SCHEME: _JOINT.join(lossy[-1].schemes),
        _SOURCE: source.hex(),
        _MAX_ERROR: max((loss.max_error for loss in losses), default=0.0),
    }
    known = [bound for bound in bounds if bound is not None]
    if len(known) == len(bounds):
        metadata[_BOUND] = max(known, default=0.0)
    return metadata


def facts_of(label: LossyLabel, source: str, tree: Tree | None) -> LossyFacts | None:
    """Return what is known of a lossy version and one of its snapshots.

    Tensors come with the largest error first.
    """
    if tree is None or tree.lossy is None:
        return None
    losses, exact = [], []
    for tensor in tree.tensors:
        loss = tree.lossy.losses[tensor.storage]
        if loss is None:
            exact.append(tensor.name)
        else:
            losses.append(TensorLoss(tensor.name, loss))
    losses.sort(key=lambda found: (-found.loss.max_error, found.name))
    rule = schemes.parse(tree.lossy.schemes[-1]).rule
    return LossyFacts(label, source, rule, tuple(losses), tuple(exact))
