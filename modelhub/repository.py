"""Offer a repository to Python: `Repository` and `Version`, thin faces over the verbs of `dlv`."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from modelhub import query as queries
from modelhub.catalog.records import AnnotationRecord, SnapshotRecord, VersionRecord
from modelhub.dlv import archive as archives
from modelhub.dlv import commit as commits
from modelhub.dlv import copy as copies
from modelhub.dlv import fsck as checks
from modelhub.dlv import gc as collector
from modelhub.dlv import networks, retention
from modelhub.dlv import remove as removals
from modelhub.dlv import retain as retaining
from modelhub.dlv import tag as tags
from modelhub.dlv import tier as tiers
from modelhub.dlv import weights as reading
from modelhub.dlv.archive_calibrate import Calibrated, calibrate_versions
from modelhub.dlv.archive_layout import LayoutResult, store_as
from modelhub.dlv.archive_result import ArchiveResult
from modelhub.dlv.checkout import CheckoutResult, checkout
from modelhub.dlv.evaluate import evaluate
from modelhub.dlv.evaluate_options import EvalOptions, Evaluation
from modelhub.dlv.evaluations import Evaluated, evaluations_of
from modelhub.dlv.listing import listing
from modelhub.dlv.lossy import LossyLabel, label_of
from modelhub.dlv.memory import GivenNetwork, content_of
from modelhub.dlv.prefixes import Prefixes
from modelhub.dlv.resolve import default_snapshot, format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.usage import Usage, usage
from modelhub.errors import NotFoundError
from modelhub.net.graph import Network
from modelhub.pas.retrieve import Planes

__all__ = ["Repository", "Version"]

PathLike = str | Path


@dataclass(frozen=True, slots=True)
class Version:
    """A model version, with the snapshot meant by the revision that named it."""

    repo: Repo
    record: VersionRecord
    snapshot: SnapshotRecord | None

    def __repr__(self) -> str:
        """Name the version as revisions do, since a shell shows lists of them."""
        label = f"#{self.snapshot.label}" if self.snapshot is not None else ""
        return f"<Version {self.rev}{label} {self.id[:12]}>"

    @property
    def name(self) -> str:
        """The model's name."""
        return self.record.name

    @property
    def version(self) -> int:
        """The sequence number among the versions of the name, from 1."""
        return self.record.sequence

    @property
    def id(self) -> str:
        """The id in hexadecimal: the digest of the manifest."""
        return self.record.id.hex()

    @property
    def rev(self) -> str:
        """The short revision, such as `lenet@3`."""
        return format_rev(self.record)

    @property
    def message(self) -> str:
        """The message of the commit."""
        return self.record.message

    @property
    def snapshots(self) -> tuple[str, ...]:
        """The labels of the snapshots in order."""
        return tuple(snapshot.label for snapshot in self.record.snapshots)

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata M as committed."""
        return dict(self.repo.manifest(self.record.id).metadata)

    @property
    def lossy(self) -> LossyLabel | None:
        """The scheme and errors of a lossy copy; None where values are as committed."""
        return label_of(self.metadata)

    @property
    def series(self) -> dict[str, list[tuple[float, float]]]:
        """The metric series by name: (step, value) pairs."""
        return dict(self.repo.manifest(self.record.id).series)

    @property
    def parents(self) -> list[Version]:
        """The versions this one was made from, those removed meanwhile left out."""
        with self.repo.catalog.read() as txn:
            found = [txn.version(parent) for parent in self.record.parents]
        return [_version(self.repo, record) for record in found if record is not None]

    @property
    def annotations(self) -> list[AnnotationRecord]:
        """What was noted later: tags and the like."""
        with self.repo.catalog.read() as txn:
            return txn.annotations(self.record.id)

    @property
    def evaluations(self) -> tuple[Evaluated, ...]:
        """The results of `eval` that were kept, oldest first."""
        return evaluations_of(self.annotations)

    def evaluate(self, data: PathLike, **options: Any) -> Evaluation:
        """Evaluate this snapshot on a data set; see `Repository.evaluate`."""
        label = f"#{self.snapshot.label}" if self.snapshot is not None else ""
        return evaluate(self.repo, [self.rev + label], Path(data), EvalOptions(**options))[0]

    def weights(
        self, planes: Planes = None, tensors: str | None = None
    ) -> Mapping[str, np.ndarray]:
        """Return the tensors by name: exact, or the leading `planes` bytes of each value.

        Args:
            planes: Leading bytes of each value, an int or a mapping from tensor pattern to int;
                low-order bytes are zero.
            tensors: Only names that fit this pattern with `*`, `?` and `[...]`.

        Raises:
            NotFoundError: the version has no weights, or no tensor fits.
            CorruptionError: a checksum fails.
        """
        return reading.weights(self.repo, self._tree(), planes=planes, tensors=tensors)

    def intervals(
        self, planes: Planes, tensors: str | None = None
    ) -> tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]:
        """Return the least and the greatest value of each weight that its leading bytes allow.

        Args:
            planes, tensors: As for `weights`.

        Returns:
            Two mappings from tensor name to float64 array. Tensors that are no floats, or surely
            hold an infinity or NaN, are read whole and stand in both as they are.
        """
        return reading.intervals(self.repo, self._tree(), planes=planes, tensors=tensors)

    def prefixes(self, tensors: str | None = None) -> Prefixes:
        """Return the weights as what is read by prefixes, leading bits first; none is read yet.

        Args:
            tensors: Only names that fit this pattern with `*`, `?` and `[...]`.
        """
        return Prefixes(self.repo, self._tree(), tensors)

    def tensor(
        self, name: str, planes: int | None = None, rows: tuple[int, int] | None = None
    ) -> np.ndarray:
        """Return one tensor, or rows [rows[0], rows[1]) of its first dimension; see `weights`."""
        with self.repo.catalog.read() as txn:
            record = txn.tensor(self._tree(), name)
        if record is None:
            raise NotFoundError(f"{self.rev} has no tensor {name!r}")
        return reading.read_tensor(self.repo, record, planes, rows)

    def tensors(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Return dtype and shape by tensor name, without reading values."""
        entries = reading.entries(self.repo, self._tree())
        return {entry.name: (entry.dtype, tuple(entry.shape)) for entry in entries}

    def network(self) -> Network:
        """Return the network N: a graph of nodes.

        A version committed as weights alone has nodes without edges, and `executable` False.
        """
        return networks.network_of(self.repo, self.record)

    def module(self) -> Any:
        """Return a torch module that runs the network with these weights, in eval mode.

        Raises:
            BadInputError: the version was committed as weights alone, or the weights of this
                snapshot are not those that the network reads.
            CorruptionError: a checksum fails.
            ModelHubError: kind `missing_extra`, torch is not installed.
        """
        return networks.module_of(self.repo, self.record, self.snapshot)

    def checkout(self, path: PathLike, **options: Any) -> CheckoutResult:
        """Write the version's files into a folder; options as `dlv.checkout.checkout` takes."""
        label = f"#{self.snapshot.label}" if self.snapshot is not None else ""
        return checkout(self.repo, self.rev + label, Path(path), **options)

    def _tree(self) -> bytes:
        if self.snapshot is None:
            raise NotFoundError(f"{self.rev} has no weights")
        return self.snapshot.tree


def _version(repo: Repo, record: VersionRecord) -> Version:
    best = None
    if len(record.snapshots) > 1:
        # Of one snapshot nothing need be read, which counts where there are thousands of versions.
        with repo.catalog.read() as txn:
            best = txn.metadata(record.id).get("best_snapshot")
    return Version(repo, record, default_snapshot(record, best))


class Repository:
    """A repository of model versions; close it, or use it with `with`."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo

    @classmethod
    def init(cls, path: PathLike) -> Repository:
        """Make a repository in a folder and open it."""
        return cls(Repo.init(Path(path)))

    @classmethod
    def open(cls, path: PathLike = ".") -> Repository:
        """Open the repository that holds `path`, looking upward."""
        return cls(Repo.open(Path(path)))

    @property
    def root(self) -> Path:
        """The folder that holds the repository."""
        return self._repo.layout.root

    def commit(
        self,
        name: str,
        weights: Any = None,
        *,
        network: Any = None,
        example_inputs: Sequence[Any] = (),
        example_kwargs: Mapping[str, Any] | None = None,
        dynamic: Mapping[str, Sequence[int]] | None = None,
        metadata: Mapping[str, Any] | None = None,
        files: Sequence[PathLike] = (),
        snapshots: Mapping[str, Any] | None = None,
        series: Mapping[str, Sequence[tuple[float, float]]] | None = None,
        base: str | Version | Sequence[str | Version] = (),
        message: str = "",
        tag: str | None = None,
    ) -> Version:
        """Commit arrays, torch tensors, an nn.Module or weights files as a version.

        Args:
            weights: Arrays by tensor name, an object with `state_dict()`, or a path. A module
                with example inputs is the network as well.
            network: A torch module (its weights are taken, unless others are given), a
                `modelhub.net.Network`, or a path to import it from. Without it, the network of a
                Hugging Face folder or else of the parent is taken if it fits the weights; with
                False the version has none.
            example_inputs, example_kwargs, dynamic: What `modelhub.net.from_module` takes.
            snapshots: Earlier states by label in order, each as `weights`.
            base: The version or versions this one was made from; by default the newest of `name`.

        Raises:
            BadInputError: something cannot be stored, the module has no network that can be kept,
                or the weights are not those that the network reads.
            ModelHubError: kind `missing_extra`, a module is given and torch is not installed.
        """
        given_network = GivenNetwork(network, example_inputs, example_kwargs, dynamic)
        content = content_of(
            weights, snapshots or {}, files, metadata or {}, series or {}, given_network
        )
        given = [base] if isinstance(base, str | Version) else base
        bases = [one.rev if isinstance(one, Version) else one for one in given]
        made = commits.commit_content(
            self._repo, name, content, message=message, bases=bases, tag=tag
        )
        return self[f"{made.name}@{made.version}"]

    def __getitem__(self, rev: str) -> Version:
        """Return the version that NAME[@VERSION][#SNAPSHOT] names."""
        found = resolve(self._repo, rev)
        return Version(self._repo, found.version, found.snapshot)

    def __contains__(self, rev: str) -> bool:
        """Say whether a revision names something."""
        try:
            return bool(resolve(self._repo, rev))
        except NotFoundError:
            return False

    def __iter__(self) -> Iterator[Version]:
        """Yield all versions, by name and number."""
        with self._repo.catalog.read() as txn:
            records = list(txn.versions())
        return iter([_version(self._repo, record) for record in records])

    def list(self, pattern: str | None = None) -> Any:
        """Return the rows of `modelhub list`."""
        return listing(self._repo, pattern)

    def checkout(self, rev: str, path: PathLike, **options: Any) -> CheckoutResult:
        """Write a version's files into a folder."""
        return checkout(self._repo, rev, Path(path), **options)

    def copy(self, rev: str, name: str, message: str = "", *, scheme: str | None = None) -> Version:
        """Start a new model from a version; with a scheme such as `bf16`, a lossy one."""
        made = copies.copy(self._repo, rev, name, message, scheme=scheme)
        return self[f"{made.name}@{made.version}"]

    def tag(self, rev: str, tag: str, *, force: bool = False) -> None:
        """Name a version by a tag."""
        tags.tag(self._repo, rev, tag, force=force)

    def remove(self, *revs: str) -> removals.RemoveResult:
        """Remove versions; `gc` frees their room."""
        return removals.remove(self._repo, revs)

    def retain(
        self, *rules: str, names: str | Sequence[str] = (), dry_run: bool = True
    ) -> retaining.RetainResult:
        """Say what a retention policy would remove; without `dry_run`, remove it.

        Args:
            rules: Such as `"keep-last=3"`, `"keep-best=1:accuracy"`, `"keep-tagged"`,
                `"keep-days=30"`; a version stays if any of them keeps it.
            names: Globs on names of models; all models without any.
        """
        patterns = [names] if isinstance(names, str) else names
        return retaining.retain(self._repo, retention.parse(rules), patterns, dry_run=dry_run)

    def usage(self) -> Usage:
        """Return what the repository and each version take on disk."""
        return usage(self._repo)

    def archive(self, **options: Any) -> ArchiveResult:
        """Store versions in less room within budgets; options of `dlv.archive.archive`."""
        return archives.archive(self._repo, **options)

    def store_as(self, layout: str, *revs: str, dry_run: bool = False) -> LayoutResult:
        """Store tensors in the layout "progressive", to be read by few bits first, or "ordinary".

        Args:
            revs: Versions or snapshots; all without any.
        """
        return store_as(self._repo, layout, revs, dry_run=dry_run)

    def query(
        self,
        text: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        save: bool | str = False,
        seed: int = 0,
        explain: bool = False,
        **named: Any,
    ) -> builtins.list[Any]:
        """Run a query in DQL; see `modelhub.query.query` for what it returns.

        Args:
            parameters, named: The values of `:name` in the query: texts, numbers, truth values,
                times, lists, versions.
            save: Save the query, and commit what it makes, under this name or the query's own.
            seed: What new weights of derived models are drawn by.
            explain: Return rows with the `plan` they were found by.
        """
        given, face = {**(parameters or {}), **named}, partial(_version, self._repo)
        return queries.query(self._repo, text, given, face, save=save, seed=seed, explain=explain)

    def evaluate(self, *revs: str, data: PathLike, **options: Any) -> builtins.list[Evaluation]:
        """Evaluate versions on a data set, side by side, and keep each result with its version.

        Args:
            data: An .npz, .safetensors or .parquet file, or a folder of images.
            options: Those of `modelhub.dlv.evaluate_options.EvalOptions`, such as `top=3`,
                `keep=False`, `mode="progressive"`.

        Raises:
            BadInputError: the data does not fit a network, or a version has no network that runs.
            ModelHubError: kind `missing_extra`, torch or a package for the data is not installed.
        """
        return [*evaluate(self._repo, revs, Path(data), EvalOptions(**options))]

    def calibrate(self, *revs: str, data: PathLike, **options: Any) -> builtins.list[Calibrated]:
        """Find what progressive evaluation should read first, and keep it with each version.

        Args:
            revs: All versions that the data fits, without any.
            data: As for `evaluate`, of which up to 256 examples are taken; labels are not used.
            options: Of `modelhub.dlv.evaluate_options.EvalOptions`, how data is prepared.

        Raises:
            BadInputError: the data does not fit a version that was named, or it cannot run.
        """
        given = EvalOptions(**options)
        return [*calibrate_versions(self._repo, Path(data), revs, given)]

    def gc(self, **options: Any) -> collector.GcResult:
        """Free the room of what no version needs."""
        return collector.gc(self._repo, **options)

    def set_tier(self, url: PathLike, planes: int | None = None) -> tiers.TierStatus:
        """Choose where low-order bytes go, a folder or an fsspec URL; nothing moves."""
        return tiers.set_tier(self._repo, str(url), planes)

    def push_tier(self) -> tiers.Moved:
        """Move low-order bytes of packs to the tier."""
        return tiers.push(self._repo)

    def pull_tier(self) -> tiers.Moved:
        """Bring low-order bytes back and leave the tier."""
        return tiers.pull(self._repo)

    def tier_status(self) -> tiers.TierStatus:
        """Say where the bytes of packs lie."""
        return tiers.status(self._repo)

    def fsck(self) -> checks.FsckResult:
        """Check every stored byte."""
        return checks.fsck(self.root)

    def close(self) -> None:
        """Close the repository."""
        self._repo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
