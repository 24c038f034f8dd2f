"""What the prompt offers while a query is typed."""

from __future__ import annotations

import pytest

from modelhub.cli.cmd_query import parameters_of
from modelhub.cli.query_prompt import history_path, is_whole
from modelhub.cli.query_words import Words, offered
from modelhub.errors import UsageError

WORDS = Words(
    models=["lenet", "läufer"],
    metrics=["accuracy", "val.loss"],
    settings=["optimizer.lr", "optimizer.name"],
    nodes=["conv1", "conv2", "fc1"],
    queries=["good"],
)


@pytest.mark.parametrize(("before", "expected"), [
    ("sel", ["select"]),
    ("select m where m.na", ["name"]),
    ("select m where m.metrics.a", ["accuracy"]),
    ("select m where m.metrics.", ["accuracy", "val.loss"]),
    ("select m where m.config.optimizer.l", ["optimizer.lr"]),
    ('select m where m.name = "lä', ["läufer"]),
    ('select m where m["con', ["conv1", "conv2"]),
    ('select m where m["conv1"].ne', ["next"]),
    ("select m where m has CON", ["CONV", "CONV_TRANSPOSE"]),
    ("select m where m has CONV -> PO", ["POOL"]),
    ("select m where m has CONV(kern", ["kernel"]),
    ('select m from "goo', ["good"]),
    ('select m where m.name = "lenet" an', ["and", "any"]),
])  # fmt: skip
def test_words_that_may_come_next(before: str, expected: list[str]) -> None:
    assert [word for _, word in offered(before, WORDS)][: len(expected)] == expected


def test_what_is_typed_is_replaced() -> None:
    assert list(offered("select m where m.metrics.acc", WORDS)) == [("acc", "accuracy")]
    assert list(offered("", WORDS)) == []


@pytest.mark.parametrize(("text", "whole"), [
    ("", True), ("select m", False), ("select m;", True), ("select m\n", True), ("exit", True),
    ("select m\nwhere", False), ("select m\nwhere\n", False), ("select m where (\n", False),
])  # fmt: skip
def test_a_query_ends_with_a_semicolon_or_an_empty_line(text: str, whole: bool) -> None:
    assert is_whole(text) is whole


def test_history_is_where_state_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert str(history_path()) == "/state/modelhub/query_history"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/ada")
    assert str(history_path()) == "/home/ada/.local/state/modelhub/query_history"


def test_parameters_are_json_where_they_read_as_such() -> None:
    given = ["a=1", "b=0.5", "c=true", "d=null", 'e=[1, "x"]', "f=lenet", 'g="5"', "h=NaN", "i="]
    assert parameters_of([*given, "j={}", "k=a=b"]) == {
        "a": 1, "b": 0.5, "c": True, "d": None, "e": [1, "x"], "f": "lenet", "g": "5", "h": "NaN",
        "i": "", "j": "{}", "k": "a=b",
    }  # fmt: skip
    for wrong in (["a"], ["=1"], ["a b=1"], ["a=1", "a=2"]):
        with pytest.raises(UsageError):
            parameters_of(wrong)
