from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelhub.errors import CorruptionError
from modelhub.net.tree import DEPTH_MAX, build, from_json, to_json

RECORDS = [
    ("embed.weight", "float32", (100, 8)),
    ("layer.10.weight", "float32", (8, 8)),
    ("layer.2.weight", "float32", (8, 8)),
    ("layer.2.bias", "bfloat16", (8,)),
    ("scale", "float32", ()),
]

names = st.text(alphabet="ab.01\n/é", max_size=12)
records = st.lists(
    st.tuples(names, st.sampled_from(["float32", "int8"]), st.lists(st.integers(0, 9), max_size=3))
)


def test_counts_and_order() -> None:
    tree = build(RECORDS)
    assert (tree.tensor_count, tree.value_count) == (5, 800 + 64 + 64 + 8 + 1)
    assert [module.name for module in tree.root.modules] == ["embed", "layer"]
    assert [module.name for module in tree.root.modules[1].modules] == ["2", "10"]
    assert [parameter.name for parameter in tree.root.parameters] == ["scale"]


def test_walk_gives_full_names() -> None:
    names = [name for name, _ in build(RECORDS).walk()]
    assert names == ["", "embed", "layer", "layer.2", "layer.10"]


def test_name_that_is_both_tensor_and_module() -> None:
    tree = build([("a", "int8", (2,)), ("a.b", "int8", (3,))])
    assert tree.root.parameters[0].name == "a"
    assert tree.root.modules[0].parameters[0].name == "b"


def test_empty() -> None:
    tree = build([])
    assert tree.value_count == 0
    assert from_json(to_json(tree)) == tree


def test_hostile_depth_is_bounded() -> None:
    name = ".".join("a" * 100_000)
    tree = build([(name, "int8", (1,))])
    assert len(list(tree.walk())) == DEPTH_MAX + 1
    assert from_json(to_json(tree)) == tree


@given(records)
def test_json_round_trip(rows: list[tuple[str, str, list[int]]]) -> None:
    tree = build(rows)
    data = to_json(tree)
    assert from_json(data) == tree
    assert to_json(from_json(data)) == data
    assert sum(module.value_count for _, module in tree.walk() if module is tree.root) == (
        tree.value_count
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format":1}',
        b'{"format":2,"parameters":[]}',
        b'{"format":1,"parameters":[["a"]]}',
        b'{"format":1,"parameters":[[1,"int8",[]]]}',
        b'{"format":1,"parameters":[["a","int8",["x"]]]}',
        b"[" * 100_000,
    ],
)
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptionError):
        from_json(data)
