"""Whatever is done to a network, it runs afterwards or is refused with a reason."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import Network, Value, build, from_json, to_json  # noqa: E402
from modelhub.net.arguments import Ref  # noqa: E402
from modelhub.net.graph import Group  # noqa: E402
from modelhub.net.layers import attributes_of  # noqa: E402
from modelhub.net.ops import find  # noqa: E402
from modelhub.net.surgery import Edited, Layer, Surgeon, SurgeryError, cut, initialise  # noqa: E402
from modelhub.net.surgery.sizes import numeric  # noqa: E402
from tests.net.models import MODELS  # noqa: E402
from tests.net.surgery.subjects import Subject, subject  # noqa: E402

SEEDS = 40
EDITS = 8


def _layer(dice: random.Random) -> Layer:
    kind = dice.choice(
        ["CONV", "FULL", "POOL", "BN", "LN", "GN", "RMSNORM", "RELU", "GELU", "TANH", "DROPOUT",
         "FLATTEN", "LSTM", "GRU", "SOFTMAX", "UPSAMPLE", "ELU", "EMBED"]
    )  # fmt: skip
    attributes: dict[str, Any] = {}
    if kind == "CONV":
        attributes = {"kernel": dice.choice([1, 2, 3]), "out": dice.choice([2, 4, 8])}
        attributes |= {"padding": dice.choice([0, 1, "same"]), "groups": dice.choice([1, 1, 2])}
    elif kind in ("FULL", "LSTM", "GRU"):
        attributes = {"out": dice.choice([3, 8])}
    elif kind == "POOL":
        attributes = {"mode": dice.choice(["MAX", "AVG"])}
        attributes |= dice.choice([{"kernel": 2}, {"kernel": 3, "stride": 1, "padding": 1},
                                   {"global": True}])  # fmt: skip
    elif kind == "GN":
        attributes = {"groups": dice.choice([1, 2])}
    elif kind == "EMBED":
        attributes = {"in": 20, "out": 8}
    return Layer(kind, attributes=attributes)


def _edit(surgeon: Surgeon, dice: random.Random, weights: list[Any]) -> None:
    network = surgeon.network()
    names = [node.name for node in network.nodes]
    if not names:
        return
    one = dice.choice(names)
    some = names[names.index(one) :][: dice.randrange(1, 5)]
    chain = [_layer(dice) for _ in range(dice.randrange(1, 3))]
    what = dice.randrange(10)
    if what == 0:
        surgeon.insert(one, chain, before=dice.random() < 0.4)
    elif what == 1:
        surgeon.delete(one)
    elif what == 2:
        joins = {node.name for node in network.nodes if node.kind in ("ADD", "MUL", "CAT")}
        edges = [edge for edge in network.edges if edge[1] in joins] or network.edges
        source, reader = dice.choice(edges or [(one, one)])
        surgeon.delete_edge(source, reader)
    elif what == 3:
        surgeon.replace(some, chain)
    elif what == 4:
        surgeon.rename({one: f"new{dice.randrange(100)}"})
    elif what == 5:
        dice.choice([surgeon.append, surgeon.prepend])(chain)
    elif what == 6:
        other, reader = _other_half(network, one, dice)
        surgeon.stitch(one, other.network, reader)
        weights.append(other.weights)
    elif what == 7:
        surgeon.repeat(some, dice.randrange(1, 4))
    elif what == 8:
        attributes = [
            (node, attribute)
            for node, found in attributes_of(network).items()
            for attribute in found
        ]
        node, attribute = dice.choice(attributes or [(one, "kernel")])
        surgeon.change(node, attribute, dice.choice([1, 2, 4, 8, "MAX", "AVG", 0.5, True, False]))
    else:
        surgeon.freeze(some)


def _other_half(network: Network, name: str, dice: random.Random) -> tuple[Subject, str]:
    """Return a model and a node in it that reads what looks like the value of another node."""
    value = {node.name: node.values[0] for node in network.nodes}[name]
    for each in dice.sample(sorted(MODELS), len(MODELS)):
        whole = subject(each)
        other = whole.network
        values = dict(other.inputs) | {node.name: node.values[0] for node in other.nodes}
        fits = [n.name for n in other.nodes if value in [values[source] for source in n.inputs]]
        if fits:
            return whole, dice.choice(fits)
    return whole, other.nodes[0].name


def _made_of(network: Network) -> Any:
    """Return all of a network but sizes, which a step that is refused may bring up to date."""
    nodes = [(node.name, node.op, node.module, node.inputs) for node in network.nodes]
    return nodes, network.outputs, list(network.inputs), {t.name: t.role for t in network.tensors}


def _with_all_outputs(network: Network) -> tuple[Network, list[Value]]:
    refs: list[Ref] = []
    values: list[Value] = []
    for node in network.nodes:
        for index, value in enumerate(node.values):
            refs.append(Ref(node.name, index if find(node.op).result == "Tensors" else None))
            values.append(value)
    return replace(network, outputs=Group("tuple", tuple(refs))), values


def _input(value: Value, batch: int) -> Any:
    sizes = [batch if isinstance(size, str) else size for size in numeric(value.shape)]
    if not isinstance(value.shape[0], int) and "*" in str(value.shape[0]):
        sizes[0] = batch * int(value.shape[0].partition("*")[0])
    if value.dtype.startswith("int"):
        # Tables may have shrunk to one row.
        return torch.zeros(sizes, dtype=torch.int64)
    return torch.randn(*sizes)


def _check(edited: Edited, weights: list[Any]) -> None:
    network = from_json(to_json(edited.network))
    assert network == edited.network
    whole, values = _with_all_outputs(network)
    module = build(whole, initialise(edited, weights, 1))
    for batch in (2, 4):
        inputs = {name: _input(value, batch) for name, value in network.inputs.items()}
        with torch.no_grad():
            found = module(**inputs)
        for result, value in zip(found, values, strict=True):
            if value.dtype == "int":
                assert isinstance(result, int)
                continue
            assert str(result.dtype) == f"torch.{value.dtype}"
            for size, recorded in zip(result.shape, numeric(value.shape), strict=True):
                assert isinstance(recorded, str) or size == recorded


@pytest.mark.parametrize("seed", range(SEEDS))
def test_runs_or_is_refused(seed: int) -> None:
    dice = random.Random(seed)
    name = dice.choice(sorted(MODELS))
    whole = subject(name)
    surgeon = Surgeon(whole.network)
    weights: list[Any] = [whole.weights]
    for _ in range(EDITS):
        before = _made_of(surgeon.network())
        try:
            _edit(surgeon, dice, weights)
        except SurgeryError:
            assert _made_of(surgeon.network()) == before
        to_json(surgeon.network())
    try:
        edited = surgeon.finish()
    except SurgeryError:
        return
    _check(edited, weights)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_slice_gives_what_the_whole_gives(seed: int) -> None:
    dice = random.Random(seed)
    whole = subject(dice.choice(sorted(MODELS)))
    names = [node.name for node in whole.network.nodes if node.values[0].dtype != "int"]
    begin = dice.sample(names, dice.choice([1, 1, 2]))
    end = [dice.choice(names)]
    try:
        edited = cut(whole.network, begin, end)
    except SurgeryError:
        return
    for batch in (2, 3):
        values = whole.values(batch)
        module = build(edited.network, initialise(edited, [whole.weights], 0))
        with torch.no_grad():
            found = module(**{name: values[name] for name in edited.network.inputs})
        first = found[0] if isinstance(found, tuple) else found
        assert torch.equal(first, values[end[0]])
