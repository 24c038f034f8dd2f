"""The paper's four queries, verbatim, over models like AlexNet; what they find is run."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

import modelhub
from tests.dql.paper import QUERY_1, QUERY_2, QUERY_3, QUERY_4
from tests.query.alexnets import EXAMPLE, Alex, alex, network_of

MAX = "conv1=max conv2=max conv5=max"
AVG = "conv1=avg conv2=avg conv5=avg"
# Name, pools, whether there are activations; the models' seeds are their places.
MODELS = [
    ("alexnet_base", MAX, True),
    ("alexnet_avg", AVG, True),
    ("alexnet_mixed", "conv1=avg conv5=max", True),
    ("alexnet_second", "conv2=max", True),
    ("alexnet", MAX, True),
    ("lenet_max", MAX, True),
    ("alexnet-origin1", MAX, True),
    ("alexnet-origin2", AVG, True),
    ("alexnet-avgv1", "conv1=avg conv3=avg conv5=max", False),
    ("alexnet-avgv1-b", AVG, False),
    ("alexnet-avgv1-c", MAX, False),
    ("alexnet-avgv2", AVG, False),
]
OLD = ("alexnet_old", MAX, True)


def _model(name: str) -> Alex:
    for seed, (each, pools, relu) in enumerate([*MODELS, OLD]):
        if each == name:
            return alex(pools, seed=seed, relu=relu)
    raise KeyError(name)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[modelhub.Repository]:
    with modelhub.Repository.init(tmp_path_factory.mktemp("paper")) as repository:
        for name, pools, relu in MODELS:
            repository.commit(name, _model(name), network=network_of(pools, relu))
        with pytest.MonkeyPatch.context() as patch:
            # 22 November 2015, the first moment, which is not after that day's first moment.
            patch.setattr(time, "time_ns", lambda: 1_448_150_400 * 10**9)
            repository.commit(OLD[0], _model(OLD[0]), network=network_of(OLD[1]))
        yield repository


def test_query_1_selects(papers: modelhub.Repository) -> None:
    found = papers.query(QUERY_1)
    # `_` is any one character, so `-` will do; `alexnet` alone is too short.
    assert [version.rev for version in found] == [
        "alexnet-avgv1@1", "alexnet-avgv1-c@1", "alexnet-origin1@1", "alexnet_base@1",
        "alexnet_mixed@1",
    ]  # fmt: skip
    assert all(isinstance(version, modelhub.Version) for version in found)


def test_query_1_uses_indexes(papers: modelhub.Repository) -> None:
    plan = "\n".join(papers.query(QUERY_1, explain=True).plan)
    assert "index" in plan
    assert "all versions" not in plan


def test_query_2_slices(papers: modelhub.Repository) -> None:
    found = papers.query(QUERY_2)
    assert [(made.name, made.sources) for made in found] == [
        ("alexnet-origin1", ("alexnet-origin1@1",)),
        ("alexnet-origin2", ("alexnet-origin2@1",)),
    ]
    x = torch.randn(3, *EXAMPLE.shape[1:], generator=torch.Generator().manual_seed(1))
    for made in found:
        names = [node.name for node in made.network().nodes]
        assert names[0] == "conv1"
        assert names[-1] == "fc7"
        assert [name for name in names if name.startswith("conv")] == [
            f"conv{n}" for n in range(1, 6)
        ]
        assert not {"relu7", "fc8"} & set(names)
        assert made.fresh == ()
        original = _model(made.name)
        seen: list[torch.Tensor] = []
        original.fc7.register_forward_hook(lambda _, __, out, seen=seen: seen.append(out))
        with torch.no_grad():
            original(x)
            assert torch.equal(made.module()(x), seen[0])


def test_query_3_constructs(papers: modelhub.Repository) -> None:
    found = papers.query(QUERY_3, save="query3")
    assert [(version.name, version.version) for version in found] == [("query3", 1), ("query3", 2)]
    expected = {
        "alexnet-avgv1@1": ["relu1", "relu3"],
        "alexnet-avgv1-b@1": ["relu1", "relu2", "relu5"],
    }
    x = torch.randn(2, *EXAMPLE.shape[1:], generator=torch.Generator().manual_seed(2))
    for version in found:
        (parent,) = version.parents
        nodes = [node.name for node in version.network().nodes]
        inserted = [name for name in nodes if name in ("relu1", "relu2", "relu3", "relu4", "relu5")]
        assert inserted == expected[parent.rev]
        for name in inserted:
            assert nodes[nodes.index(name) - 1] == name.replace("relu", "conv")
        original = _model(parent.name)
        before = original(x)
        for name in inserted:
            getattr(original, name.replace("relu", "conv")).register_forward_hook(
                lambda _, __, out: torch.relu(out)
            )
        with torch.no_grad():
            output = version.module()(x)
            assert torch.equal(output, original(x))
            assert not torch.equal(output, before)


def test_query_4_explains(papers: modelhub.Repository) -> None:
    papers.query(QUERY_3, save="query3")
    plan = "\n".join(papers.query(QUERY_4, explain=True).plan)
    assert "query3" in plan
    with pytest.raises(modelhub.QueryError, match="cannot be run yet"):
        papers.query(QUERY_4)
