"""Let queries run over a repository: one view of its catalog, read as far as they ask.

A query sees the repository as it was when the query began, whoever writes meanwhile.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from dql.backend import EditError, Probe, Version
from modelhub.catalog import ReadTxn
from modelhub.catalog.read_index import order_of
from modelhub.catalog.records import Extremes, Scalar, VersionRecord
from modelhub.dlv import networks
from modelhub.dlv.evaluations import series_of
from modelhub.dlv.indexing import extremes
from modelhub.dlv.resolve import default_snapshot
from modelhub.dlv.state import Repo
from modelhub.errors import CorruptionError
from modelhub.net.graph import Network
from modelhub.net.outline import outline_of
from modelhub.query import probes, saved
from modelhub.query.derived import DerivedVersion
from modelhub.query.editor import RepoEditor, slice_of
from modelhub.query.versions import StoredVersion
from modelhub.query.views import NetworkView

__all__ = ["RepoBackend"]

# Of more versions than this share of all, it is quicker to pick them in order than to sort them.
_PICKED_SHARE = 8
# Networks that several versions share mostly follow each other; those kept cost memory.
_VIEWS_MAX = 256
_SINGLE_VIEWS_MAX = 500


class RepoBackend:
    """The backend of a repository; see `dql.backend.Backend`. Of use while `txn` is open."""

    def __init__(self, repo: Repo, txn: ReadTxn) -> None:
        self.repo = repo
        self._txn = txn
        # Without all rows in the indexes queries look at every version, and read whole networks.
        self.indexed = txn.indexes_complete()
        self._known: dict[bytes, StoredVersion] = {}
        self._views: OrderedDict[bytes, NetworkView] = OrderedDict()
        self._networks: dict[bytes, Network] = {}
        self._tags: dict[str, dict[bytes, list[str]]] = {}
        self._values: dict[bytes, int] = {}
        # The networks of versions that were found by them, so that no record need be read for it.
        self._network_ids: dict[bytes, bytes] = {}
        self._single_views = 0
        # Revisions of versions whose networks were looked at and have no edges.
        self.without_edges: set[str] = set()
        self.derived: dict[str, DerivedVersion] = {}

    # What dql asks

    def versions(self) -> Iterator[StoredVersion]:
        """Yield all versions, by name and number."""
        for name, sequence, version_id in self._txn.numbered():
            yield self._version(name, sequence, version_id)

    def saved(self, name: str) -> str | None:
        """Return the text of a saved query; None if there is none, or there are versions so named.

        A query that made models was saved under their name: what is meant then is the models.
        """
        if self._txn.latest(name) is not None:
            return None
        return saved.read(self.repo.layout, name)

    def version(self, version_id: str) -> Version | None:
        """Return a version by its whole id; None if there is none."""
        if version_id in self.derived:
            return self.derived[version_id]
        try:
            return self._by_id(bytes.fromhex(version_id))
        except ValueError:
            return None

    def children(self, version_id: str) -> Sequence[str]:
        """Return the ids of the versions made from one, in the order of `versions`."""
        found = (self._by_id(each) for each in self._txn.children(bytes.fromhex(version_id)))
        there = [each for each in found if each is not None]
        return [each.id for each in sorted(there, key=_place)]

    def order(self, version_id: str) -> int:
        """Return a number that sorts ids as `versions` does."""
        version = self._by_id(bytes.fromhex(version_id))
        return 0 if version is None else order_of(version.name, version.sequence)

    def count(self) -> int:
        """Return the number of versions."""
        return self._txn.version_count()

    def estimate(self, probe: Probe) -> int | None:
        """Return about how many versions meet a condition; None if no index knows."""
        return probes.estimate(self._txn, probe, complete=self.indexed)

    def probe(self, probe: Probe) -> Iterable[str]:
        """Return the ids of the versions that may meet a condition, in the order of `versions`."""
        ids: Collection[bytes]
        if probe.path in (("kinds",), ("pairs",)):
            by_network = probes.networks_of(self._txn, probe)
            self._network_ids.update(by_network)
            ids = by_network
        else:
            ids = set(probes.matches(self._txn, probe))
        if len(ids) * _PICKED_SHARE > self.count():
            return [v.id for v in self.versions() if v.raw_id in ids]
        self._known_by_id(ids)
        found = (self._by_id(each) for each in ids)
        return [v.id for v in sorted((v for v in found if v is not None), key=_place)]

    def slice(
        self, version: Version, begin: Sequence[str], end: Sequence[str], name: str = ""
    ) -> DerivedVersion:
        """Return the part of a network on the paths from some nodes to others.

        Raises:
            EditError: there is no path, or no network with edges.
        """
        return self._noted(slice_of(self, version, begin, end, name))

    def edit(self, version: Version) -> RepoEditor:
        """Begin a new network from a version's.

        Raises:
            EditError: there is no network with edges.
        """
        return RepoEditor(self, version, self._noted)

    def graph(self, version: Version) -> Network:
        """Return the whole network of a version, stored or derived.

        Raises:
            EditError: it has no network, or one without edges.
        """
        if isinstance(version, DerivedVersion):
            return version.graph
        assert isinstance(version, StoredVersion)
        record = version.record
        rev = f"{version.name}@{version.sequence}"
        if not record.network:
            raise EditError(f"the version {rev} has no network")
        found = self._networks.get(record.network)
        if found is None:
            found = self._networks[record.network] = networks.network_of(self.repo, record)
        if not found.executable:
            raise EditError(
                f"the version {rev} was committed as weights alone, so its edges are not known; "
                "commit it with its network"
            )
        return found

    def _noted(self, made: DerivedVersion) -> DerivedVersion:
        self.derived[made.id] = made
        return made

    # What versions ask

    def record(self, version_id: bytes) -> VersionRecord:
        """Return the record of a version."""
        found = self._txn.version(version_id)
        if found is None:
            raise CorruptionError(
                f"version {version_id.hex()} is listed and not there",
                where="catalog",
                hint="run `modelhub fsck --repair`",
            )
        return found

    def scalars(self, version_id: bytes) -> dict[str, Scalar]:
        """Return the metadata of a version."""
        return self._txn.metadata(version_id)

    def scalar(self, version_id: bytes, key: str) -> Scalar | None:
        """Return one value of the metadata of a version; None if there is none."""
        return self._txn.metadata_value(version_id, key)

    def series(self, version_id: bytes) -> Mapping[str, Extremes]:
        """Return first, best and last value of the metric series of a version."""
        if self.indexed:
            return _Series(self._txn, version_id)
        committed = self.repo.manifest(version_id).series
        return extremes({**committed, **series_of(self._txn.annotations(version_id))})

    def read_records(self, versions: Iterable[StoredVersion]) -> None:
        """Read the records of versions, those that are not yet, at once."""
        lacking = [each for each in versions if not each.has_record]
        found = self._txn.versions_of(each.raw_id for each in lacking)
        for version, record in zip(lacking, found, strict=True):
            if record is not None:
                version.record = record

    def tags(self, name: str, version_id: bytes) -> list[str]:
        """Return the tags of a version, sorted."""
        if name not in self._tags:
            by_version: dict[bytes, list[str]] = {}
            for tag, target in self._txn.tags(name).items():
                by_version.setdefault(target, []).append(tag)
            self._tags[name] = by_version
        return self._tags[name].get(version_id, [])

    def parameters(self, record: VersionRecord) -> int | None:
        """Return the number of values in the best, else the last snapshot."""
        best = None
        if len(record.snapshots) > 1:
            best = self._txn.metadata(record.id).get("best_snapshot")
        snapshot = default_snapshot(record, best)
        if snapshot is None:
            return None
        tree = snapshot.tree
        if tree not in self._values:
            sizes = [math.prod(tensor.shape) for tensor in self._txn.tensors(tree)]
            self._values[tree] = sum(sizes)
        return self._values[tree]

    def view(self, version: StoredVersion) -> NetworkView | None:
        """Return the network of a version as queries see it; versions that share it share this."""
        network = self._network_ids.get(version.raw_id)
        if network is None:
            network = version.record.network
            self._single_views += 1
            if self.indexed and self._single_views == _SINGLE_VIEWS_MAX:
                # The query goes through all: one scan is quicker than a record for each.
                self._network_ids = dict(self._txn.network_ids())
        if not network:
            return None
        found = self._views.get(network)
        if found is None:
            outline = self._txn.outline(network) if self.indexed else None
            if outline is None:
                outline = outline_of(networks.network_of(self.repo, version.record))
            found = self._views[network] = NetworkView(outline)
            if len(self._views) > _VIEWS_MAX:
                self._views.popitem(last=False)
        if not found.wired:
            self.without_edges.add(f"{version.name}@{version.sequence}")
        return found

    def _by_id(self, version_id: bytes) -> StoredVersion | None:
        known = self._known.get(version_id)
        if known is not None:
            return known
        record = self._txn.version(version_id)
        if record is None:
            return None
        found = self._version(record.name, record.sequence, version_id)
        found.record = record
        return found

    def _known_by_id(self, version_ids: Iterable[bytes]) -> None:
        """Read the records of versions that are not known yet, at once."""
        lacking = [each for each in version_ids if each not in self._known]
        for version_id, record in zip(lacking, self._txn.versions_of(lacking), strict=True):
            if record is not None:
                self._version(record.name, record.sequence, version_id).record = record

    def _version(self, name: str, sequence: int, version_id: bytes) -> StoredVersion:
        known = self._known.get(version_id)
        if known is None:
            known = self._known[version_id] = StoredVersion(self, name, sequence, version_id)
        return known


class _Series(Mapping[str, Extremes]):
    """The metric series of a version, each read when it is asked for."""

    __slots__ = ("_id", "_txn")

    def __init__(self, txn: ReadTxn, version_id: bytes) -> None:
        self._txn = txn
        self._id = version_id

    def __getitem__(self, name: str) -> Extremes:
        found = self._txn.one_series(self._id, name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._txn.series(self._id))

    def __len__(self) -> int:
        return len(self._txn.series(self._id))


def _place(version: StoredVersion) -> tuple[str, int]:
    return version.name, version.sequence
