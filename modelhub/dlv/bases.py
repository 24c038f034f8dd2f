"""Choose what each new tensor is stored as a delta of, so that chains stay cheap to read.

Of the candidates the one with the smallest delta is taken that keeps two bounds: `chain_depth_max`,
and `recreation_max`, by which reading a tensor through its chain may cost at most so many times
what it would cost alone. Where a chain has come near its bounds, an entry further down gives a new,
shorter branch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from modelhub.codec.presets import can_be_base
from modelhub.dlv.candidates import Candidate, Candidates
from modelhub.errors import CorruptionError, NotFoundError, RemoteError
from modelhub.pas.estimate import estimate
from modelhub.pas.recreation import Chains, Link
from modelhub.pas.session import Session
from modelhub.tensors.arrays import Bytes, TensorSpec
from modelhub.tensors.sketches import Sketch, sketch

__all__ = ["Bases"]

# Candidates whose differences take nearly the same by what a sketch tells (in bits an element) are
# told apart by coding a sample of blocks, if the tensor is so large that it pays.
DOUBT_BITS = 0.3
DOUBT_BYTES_MIN = 256 << 10
DOUBT_MAX = 3
# So many candidates are tried before what lies below them; each may take an estimate.
TRIED_MAX = 4
# Where chains grow, a tensor below this size is judged by its sketch, as sampling would take as
# long as coding. A delta takes so many bits an element more than its differences are long, and the
# guess counts if it is off the bound by this factor.
GUESS_BYTES_MAX = 4 << 20
GUESS_BITS = 1.5
GUESS_DOUBT = 1.25
# `fsck` tells of these; a commit goes on without the base.
_DAMAGE = (CorruptionError, NotFoundError)
# A candidate of another name must be so much better than one of the same name.
NAME_FAVOUR = 0.02


@dataclass(slots=True)
class _New:
    """The tensor in hand, and what is known of its sizes, in bytes."""

    spec: TensorSpec
    data: Bytes
    sketch: Sketch | None
    alone: float | None = None
    deltas: dict[bytes, float] = field(default_factory=dict)


class Bases:
    """Chooses bases for the tensors of one session.

    Args:
        candidates: Where to look; None stores everything alone.
        recreation_max: The most that an exact read of a tensor may cost, as a multiple of what it
            would cost were it stored alone; both in compressed bytes.
    """

    def __init__(
        self, session: Session, candidates: Candidates | None, recreation_max: float
    ) -> None:
        self._session = session
        self._candidates = candidates
        self._recreation_max = recreation_max
        self._chains = Chains(session.store)

    def find(self, name: str, object_id: bytes, spec: TensorSpec, data: Bytes) -> bytes | None:
        """Return the object to store a tensor against; fits `pas.ingest.FindBase`.

        Another shape will do (a grown vocabulary, another last layer), and so will the same values
        at another precision. The encoder has the last word: what is smaller alone is stored alone.
        """
        if self._candidates is None or not spec.count:
            return None
        new = _New(spec, data, sketch(spec, data))
        if new.sketch is not None:
            self._session.sketches[object_id] = new.sketch
            self._candidates.add(object_id, new.sketch)
        if self._session.depth_max < 1:
            return None
        found = [
            (candidate, link)
            for candidate in self._candidates.find(name, spec, new.sketch)
            if (link := self._link(candidate.id)) is not None and _fits(link.spec, spec)
        ]
        if not found:
            return None
        return self._bounded(new, self._sorted(new, found))

    def _link(self, object_id: bytes) -> Link | None:
        """Return an entry, or None if it is no longer stored, or its pack is damaged."""
        if not self._session.known(object_id):
            return None
        self._session.settle(object_id)
        try:
            return self._chains.link(object_id)
        except _DAMAGE:
            return None

    def _read(self, link: Link) -> Bytes | None:
        """Return a base's bytes; None if they are damaged, or in a tier that cannot be reached."""
        try:
            return self._session.read_base(link.id)
        except _DAMAGE:
            return None
        except RemoteError as error:
            if error.kind != "tier":
                raise
            return None

    def _sorted(self, new: _New, found: list[tuple[Candidate, Link]]) -> list[Link]:
        """Put the candidates whose order is in doubt in that of their estimates."""
        best = found[0][0].bits
        doubted = [
            (candidate, link)
            for candidate, link in found
            if candidate.bits is None or (best is not None and candidate.bits <= best + DOUBT_BITS)
        ][:DOUBT_MAX]
        others = [link for candidate, link in found if (candidate, link) not in doubted]
        if len(doubted) > 1 and new.spec.nbytes >= DOUBT_BYTES_MIN:
            costs = {
                link.id: self._delta_bytes(new, link) * (1 - NAME_FAVOUR * candidate.by_name)
                for candidate, link in doubted
            }
            doubted.sort(key=lambda pair: costs[pair[1].id])
        elif len(doubted) > 1 and best is not None:
            doubted.sort(key=lambda pair: _favoured(pair[0]))
        return [link for _, link in doubted] + others

    def _bounded(self, new: _New, links: list[Link]) -> bytes | None:
        """Return the first that keeps the bounds, of the candidates and what lies below them."""
        tried = links[:TRIED_MAX]
        for link in tried:
            if self._allowed(new, link) and self._read(link) is not None:
                return link.id
        below = {
            under.id: under
            for link in tried
            for under in self._chains.chain(link.id)[1:]
            if _fits(under.spec, new.spec)
        }
        for link in self._nearest(new, list(below.values())):
            if self._allowed(new, link) and self._read(link) is not None:
                return link.id
        return None

    def _nearest(self, new: _New, links: list[Link]) -> list[Link]:
        """Put links in the order of what a sketch tells of them; untold, the deepest come first."""
        assert self._candidates is not None
        told = {link.id: self._candidates.bits(new.spec, new.sketch, link.id) for link in links}
        return sorted(
            links,
            key=lambda link: (told[link.id] is None, told[link.id] or 0.0, -link.depth),
        )

    def _allowed(self, new: _New, link: Link) -> bool:
        """Say whether a delta of an entry keeps both bounds."""
        if link.depth >= self._session.depth_max:
            return False
        alone = self._alone_bytes(new, link)
        room = self._recreation_max * alone - link.bytes_below(new.spec)
        # No delta is kept that is not smaller than the tensor alone.
        if room <= 0 or room >= alone:
            return room > 0
        if new.spec.nbytes < GUESS_BYTES_MAX and link.id not in new.deltas:
            guess = self._guess(new, link)
            if guess is not None and not 1 / GUESS_DOUBT < guess / room < GUESS_DOUBT:
                return guess < room
        return self._delta_bytes(new, link) <= room

    def _alone_bytes(self, new: _New, link: Link) -> float:
        """Return what the tensor would take alone: as the root of the chain does, if that is so."""
        root = self._chains.chain(link.id)[-1]
        if root.spec == new.spec:
            return root.stored_bytes
        if new.alone is None:
            new.alone = sum(estimate(new.data, new.spec, None, None).segment_bytes)
        return new.alone

    def _guess(self, new: _New, link: Link) -> float | None:
        """Return what a delta would take by what the sketches tell."""
        assert self._candidates is not None
        bits = self._candidates.bits(new.spec, new.sketch, link.id)
        return None if bits is None else (bits + GUESS_BITS) / 8 * new.spec.count

    def _delta_bytes(self, new: _New, link: Link) -> float:
        """Return what a delta would take by a sample of blocks."""
        if link.id not in new.deltas:
            data = self._read(link)
            if data is None:
                new.deltas[link.id] = math.inf
            else:
                found = estimate(new.data, new.spec, data, link.spec)
                new.deltas[link.id] = sum(found.segment_bytes)
        return new.deltas[link.id]


def _favoured(candidate: Candidate) -> float:
    bits = math.inf if candidate.bits is None else candidate.bits
    return bits - DOUBT_BITS * candidate.by_name


def _fits(base: TensorSpec, own: TensorSpec) -> bool:
    return base.count > 0 and can_be_base(base, own)
