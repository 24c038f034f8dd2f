"""One version to be evaluated on one data set: what all modes of evaluation share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelhub import data as data_sets
from modelhub.data import DataFacts, Fit, Preparation, Source
from modelhub.dlv import evaluate_run as running
from modelhub.dlv.evaluate_bounds import Bounds, names_of
from modelhub.dlv.evaluate_inputs import Inputs
from modelhub.dlv.evaluate_options import EvalOptions, Evaluation
from modelhub.dlv.evaluate_scores import Predictions, Scores
from modelhub.dlv.networks import network_of
from modelhub.dlv.prefixes import Prefixes
from modelhub.dlv.resolve import Resolved, format_rev
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import entries
from modelhub.errors import BadInputError, NotFoundError
from modelhub.net.graph import Network

__all__ = ["Job", "network_to_run"]

# Images of 8 bits become 0 to 1, which is what torchvision gives.
_IMAGE_DIVISOR = 255.0


@dataclass(frozen=True, slots=True)
class Job:
    """A version with a snapshot and an executable network, and a data set.

    Attributes:
        step: Told how many examples are done.
        say: Told what is waited for.
    """

    repo: Repo
    target: Resolved
    network: Network
    data: Path
    facts: DataFacts
    device: str
    options: EvalOptions
    step: Callable[[int], None]
    say: Callable[[str], None]

    @property
    def name(self) -> str:
        """The revision with its snapshot."""
        label = "" if self.target.snapshot is None else f"#{self.target.snapshot.label}"
        return format_rev(self.target.version) + label

    @property
    def tree(self) -> bytes:
        """The id of the snapshot's tree."""
        assert self.target.snapshot is not None
        return self.target.snapshot.tree

    @property
    def form(self) -> str:
        """What the network's outputs are, one of `evaluate_scores.FORMS`."""
        return self.options.outputs or running.form_of(self.network)

    def open(self) -> Source:
        """Open the data set; close it after use."""
        shape = data_sets.image_shape(self.network, self.options.image_size)
        return data_sets.open_data(self.data, shape, self.options.resize)

    def fit(self, source: Source) -> Fit:
        """Fit the data set to the network's inputs.

        Raises:
            BadInputError: it does not fit.
        """
        options, divisor = self.options, self.options.divide_by
        if divisor is None and source.kind == data_sets.Images.kind:
            divisor = _IMAGE_DIVISOR
        preparation = Preparation(divisor, tuple(options.mean), tuple(options.std))
        return data_sets.fit(self.network, source, preparation)

    def bounds(self, prefixes: Prefixes, fit: Fit) -> Bounds:
        """Return the network with nothing of its weights read.

        Raises:
            BadInputError: the snapshot's weights are not those that the network reads.
        """
        return Bounds(
            self.network,
            prefixes,
            names_of(self.network, entries(self.repo, self.tree), self.name),
            device=self.device,
            batch=fit.batch,
            where=self.name,
            data=str(self.data),
        )

    def inputs(self, fit: Fit) -> Inputs:
        """Return the examples of the data set."""
        return Inputs(self.open, fit, fit.batch or self.options.batch_size, str(self.data))

    def evaluation(
        self,
        begun: float,
        labelled: bool,
        scores: Scores,
        predictions: Predictions,
        *,
        read: tuple[int, int],
        shares: Mapping[str, float],
        facts: Mapping[str, Any] | None = None,
        notes: tuple[str, ...] = (),
    ) -> Evaluation:
        """Return the result.

        Args:
            begun: By `time.perf_counter`.
            read: Compressed bytes that were read, and those of an exact read.
            shares: By status.
        """
        assert self.target.snapshot is not None
        return Evaluation(
            rev=self.name,
            version=self.target.version.id,
            snapshot=self.target.snapshot.label,
            data=self.facts,
            labelled=labelled,
            scores=scores,
            predictions=predictions,
            outputs=self.form,
            bytes_read=read[0],
            bytes_full=read[1],
            certified=shares.get("certified", 0.0),
            estimated=shares.get("estimated", 0.0),
            exact=shares.get("exact", 0.0),
            tie=shares.get("tie", 0.0),
            device=self.device,
            torch=running.torch_version(),
            seconds=time.perf_counter() - begun,
            mode=self.options.mode,
            facts=facts or {},
            notes=notes,
        )


def network_to_run(repo: Repo, target: Resolved) -> Network:
    """Return the network of a version that can be evaluated.

    Raises:
        NotFoundError: it has no weights.
        BadInputError: it was committed as weights alone.
    """
    if target.snapshot is None:
        raise NotFoundError(f"{format_rev(target.version)} has no weights to evaluate")
    network = network_of(repo, target.version)
    if not network.executable:
        raise BadInputError(
            "the version was committed as weights alone, so it cannot run",
            expected="a version with its network",
            where=format_rev(target.version),
            hint="commit it again with --network FILE, or from Python with network= and "
            "example_inputs=",
        )
    return network
