"""Bound and evaluate a network whose weights are read by prefixes, a batch at a time.

The meaning is that of `modelhub.progressive`: a label is the place of the largest value, before a
softmax at the end, as float64 evaluation of the stored weights gives it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub.catalog.records import TensorRecord
from modelhub.dlv import evaluate_run as running
from modelhub.dlv.prefixes import Prefixes, Step
from modelhub.errors import BadInputError
from modelhub.net.arguments import Ref
from modelhub.net.clean_names import by_clean_name
from modelhub.net.graph import Network
from modelhub.optional import require
from modelhub.tensors.dtypes import from_numpy

__all__ = ["Answers", "Bounds", "NoBoundsError", "Verdicts", "names_of"]

Array = npt.NDArray[Any]
Schedule = Mapping[str, int]


class NoBoundsError(ValueError):
    """Why a network can only be evaluated with all its weights.

    Attributes:
        node: The node that no bounds are known for; empty if that is not the reason.
        op: Its op.
    """

    def __init__(self, why: str, node: str = "", op: str = "") -> None:
        super().__init__(why)
        self.node, self.op = node, op


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is proved of a batch of B inputs.

    Attributes:
        label: int64 (B,).
        margin: float64 (B,), the least proved margin; may be negative.
        set_margin: float64 (B,), that of the top-k set: above 0 it is proved.
        places: int64 (B, k), the top-k set.
        classes: C, how many there are.
    """

    label: Array
    margin: Array
    set_margin: Array
    places: Array
    classes: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What float64 evaluation gives for a batch of B inputs.

    Attributes:
        outputs: float64 (B, C), what the network gives, behind its softmax if it has one.
        values: float64 (B, C), what labels are taken of.
    """

    outputs: Array
    values: Array


class Bounds:
    """A network with as much of its weights as was read so far.

    Args:
        names: From `names_of`.
        batch: The batch size that the network is fixed to, or None.
        where, data: The revision and the data set, for messages.
    """

    def __init__(
        self,
        network: Network,
        prefixes: Prefixes,
        names: Mapping[str, str],
        *,
        device: str,
        batch: int | None,
        where: str,
        data: str,
    ) -> None:
        answering = running.answer_of(network.outputs)
        self._network = network
        if isinstance(answering, Ref):
            self._network = dataclasses.replace(network, outputs=answering)
        self._prefixes = prefixes
        self._device, self._batch = device, batch
        self._where, self._data = where, data
        self.names = names
        self._held: dict[str, int] = {}
        self._boxes: dict[str, Any] = {}
        self._prepared: Any = None
        self._is_ready = False
        self._exact: dict[str, Any] | None = None
        self._torch: Any = require("torch", "torch")
        self._margins: Any = require("modelhub.progressive.margins", "torch")
        self._crown: Any = require("modelhub.progressive.crown", "torch")
        self._prepare: Any = require("modelhub.progressive.prepare", "torch").prepare
        self._propagate: Any = require("modelhub.progressive.propagate", "torch")
        self._unsupported: Any = require("modelhub.progressive.calls", "torch").UnsupportedError
        self._intervals: Any = require("modelhub.progressive.intervals", "torch")

    @property
    def network(self) -> Network:
        """The network, with the output that answers alone."""
        return self._network

    def steps(self) -> dict[str, Sequence[Step]]:
        """Return the prefixes of each tensor that the network reads, by the snapshot's names."""
        return {name: self._prefixes.steps(name) for name in self.names.values()}

    def full(self) -> dict[str, int]:
        """Return the schedule that reads all weights of the network."""
        return {name: steps[-1].segments for name, steps in self.steps().items()}

    def take(self, schedule: Schedule) -> int:
        """Read what a schedule asks for and return the bytes fetched now.

        Bounds are by the schedule from then on, also where more was read before.

        Raises:
            NoBoundsError: a weight may be infinite or no number.
        """
        wanted = {name: schedule[name] for name in self.names.values()}
        fetched = self._prefixes.read(wanted)
        for own, name in self.names.items():
            if self._held.get(own) != wanted[name]:
                self._boxes[own] = self._box(name, wanted[name])
                self._held[own] = wanted[name]
                self._is_ready = False
        return fetched

    def _box(self, name: str, segments: int) -> Any:
        lo, hi = self._prefixes.box(name, segments)
        least = self._double(lo)
        if not least.is_floating_point():
            return least
        most = least if hi is lo else self._double(hi)
        # What is no number comes out of both ends of a range.
        ends = [end for part in (least, most) if part.numel() for end in part.aminmax()]
        if not all(math.isfinite(end) for end in ends):
            raise NoBoundsError(f"{name} may hold what is infinite or no number")
        return self._intervals.Interval(least, most)

    def _tensor(self, array: Array) -> Any:
        # torch takes no array that cannot be written to, though it does not write.
        own = array if array.flags.writeable else array.copy()
        return self._torch.from_numpy(own).to(self._device)

    def decide(self, inputs: Mapping[str, Array], k: int) -> Verdicts:
        """Prove what can be proved of a batch; inputs that are not finite prove nothing.

        Args:
            k: Of the top-k set; as many as there are classes means all.

        Raises:
            NoBoundsError: no bounds are known for a node.
            BadInputError: torch refuses the inputs.
        """
        why = None
        with running.told(self._torch, self._where, self._data):
            try:
                return self._decided(inputs, k)
            except self._unsupported as error:
                why = error
        assert why is not None
        raise NoBoundsError(str(why), why.node, why.op) from why

    def _decided(self, inputs: Mapping[str, Array], k: int) -> Verdicts:
        count = len(next(iter(inputs.values())))
        finite = np.ones(count, bool)
        for array in inputs.values():
            if array.dtype.kind == "f":
                finite &= np.isfinite(array).reshape(count, -1).all(axis=1)
        if not finite.all():
            # One of them would keep the whole batch from the quick way.
            inputs = {name: _zeroed(array, ~finite) for name, array in inputs.items()}
        with running.exact_products(self._torch, self._device), self._torch.no_grad():
            if not self._is_ready:
                # Layers that are as they were are not made ready again.
                self._prepared = self._prepare(self._network, self._boxes, self._prepared)
                self._is_ready = True
            bounds = self._prepared.logits(self._given(inputs, count))
            found = self._margins.labels(bounds)
            margin = np.where(finite, self._margin(inputs, bounds, found)[:count], -np.inf)
            places, set_margin = self._sets(bounds, k, margin > 0.0)
        return Verdicts(
            found.label.cpu().numpy()[:count], margin, set_margin, places, bounds.values.shape[-1]
        )

    def _margin(self, inputs: Mapping[str, Array], bounds: Any, found: Any) -> Array:
        """Return the proved margins, by going backwards too where that may decide."""
        margin: Array = found.margin.cpu().numpy().copy()
        # A network that is fixed to a number of inputs cannot take some of them.
        rows = np.flatnonzero(self._crown.worth_going_back(bounds, found).cpu().numpy())
        if rows.size and not self._batch:
            some = {name: array[rows] for name, array in inputs.items()}
            labels = found.label[self._torch.from_numpy(rows).to(self._device)]
            given = self._given(some, len(rows))
            least = self._crown.crown_margins(self._prepared, given, labels)
            margin[rows] = np.maximum(margin[rows], least.cpu().numpy())
        return margin

    def _sets(self, bounds: Any, k: int, wanted: Array) -> tuple[Array, Array]:
        """Return the sets of the wanted rows, and -inf as the margin of all others."""
        classes = bounds.values.shape[-1]
        places = np.tile(np.arange(min(k, classes)), (len(wanted), 1))
        margin = np.full(len(wanted), np.inf if k >= classes else -np.inf)
        if k < classes and wanted.any():
            rows = self._torch.from_numpy(np.flatnonzero(wanted)).to(self._device)
            found = self._margins.top_sets(_rows_of(bounds, rows), k)
            places[wanted] = found.places.cpu().numpy()
            margin[wanted] = found.margin.cpu().numpy()
        return places, margin

    def evaluate(self, inputs: Mapping[str, Array]) -> Answers:
        """Evaluate a batch in float64 with all weights, which are read first if they were not.

        Raises:
            BadInputError: torch refuses, or the outputs are no classes.
        """
        if self._exact is None:
            self._prefixes.read(self.full())
            values = {own: self._prefixes.values(name) for own, name in self.names.items()}
            self._exact = {own: self._double(array) for own, array in values.items()}
            self._boxes.clear()
            self._held.clear()
            self._prepared, self._is_ready = None, False
        count = len(next(iter(inputs.values())))
        output = self._network.outputs
        with (
            running.told(self._torch, self._where, self._data),
            running.exact_products(self._torch, self._device),
        ):
            found, ended = self._evaluated(inputs, count, output)
        return Answers(ended[:count], found[:count])

    def _evaluated(
        self, inputs: Mapping[str, Array], count: int, output: Any
    ) -> tuple[Array, Array]:
        if not isinstance(output, Ref):
            raise BadInputError(
                "a network with several outputs",
                expected="one output (N, classes), or one named `logits`",
                where=self._where,
                kind="bad_shape",
            )
        refs = [self._margins.head(self._network).values, output]
        given = self._given(inputs, count)
        found = self._propagate.evaluate(self._network, self._exact, given, refs)
        size = self._batch or count
        values, outputs = (
            running.scores_of(self._torch, one, size, self._where).double().cpu().numpy()
            for one in found
        )
        return values, outputs

    def _double(self, array: Array) -> Any:
        # torch has no array of bfloat16 or of floats of 8 bits.
        floats = from_numpy(array.dtype).name.startswith(("float", "bfloat"))
        return self._tensor(array.astype(np.float64, copy=False) if floats else array)

    def _given(self, inputs: Mapping[str, Array], count: int) -> dict[str, Any]:
        missing = self._batch - count if self._batch else 0
        return {
            name: running.tensor_of(
                self._torch,
                running.padded(array, missing),
                self._network.inputs[name].dtype,
                self._device,
            )
            for name, array in inputs.items()
        }


def _zeroed(array: Array, rows: Array) -> Array:
    made = array.copy()
    made[rows] = 0
    return made


def _rows_of(bounds: Any, rows: Any) -> Any:
    """Return the bounds of some inputs of a batch."""
    operands, ends = bounds.operands, bounds.ends
    return dataclasses.replace(
        bounds,
        values=bounds.values.map(lambda end: end[rows]),
        operands=None if operands is None else operands.map(lambda end: end[rows]),
        ends=None if ends is None else ends[rows],
    )


def names_of(network: Network, there: Iterable[TensorRecord], where: str) -> dict[str, str]:
    """Return the tensor of a snapshot for each one of a network, constants left out.

    Of tied tensors any name will do.

    Raises:
        BadInputError: one is missing, or has another dtype or shape.
    """
    own = [tensor for tensor in network.tensors if tensor.role != "constant"]
    records = {record.name: record for record in there}
    clean = by_clean_name(records, [tensor.name for tensor in own])
    found = {}
    for tensor in own:
        first = tensor.tied or tensor.name
        ties = (tensor.name, first, *(t.name for t in own if t.tied == first))
        record = next((clean[name] for name in ties if name in clean), None)
        if record is None:
            raise BadInputError("no weight of this name", where=f"{where}: {tensor.name}")
        if (record.dtype, tuple(record.shape)) != (tensor.dtype, tensor.shape):
            raise BadInputError(
                f"a weight of dtype {record.dtype} and shape {list(record.shape)}",
                expected=f"{tensor.dtype} {list(tensor.shape)}",
                where=f"{where}: {tensor.name}",
            )
        found[tensor.name] = record.name
    return found
