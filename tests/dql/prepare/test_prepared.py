from __future__ import annotations

import datetime

import pytest

from dql import DqlError
from dql.memory import MemoryBackend, MemoryVersion
from dql.prepare import given, prepare

STORE = MemoryBackend(
    [MemoryVersion("a", {"name": "lenet"})],
    {
        "one": "select m from 'two'",
        "two": "select m from 'three'",
        "three": "select m from 'one'",
        "asks": "select m where m.name = :name",
        "lenet_too": "select m from 'lenet'",
    },
)


def _messages(text: str, **parameters: object) -> list[str]:
    with pytest.raises(DqlError) as caught:
        prepare(text, STORE, given(parameters))
    return [each.message for each in (caught.value, *caught.value.others)]


def test_saved_queries_are_bound_with_those_they_name() -> None:
    prepared = prepare("select m from 'lenet_too'", STORE, {})
    inner = prepared.saved["lenet_too"]
    assert inner is not None
    assert inner.saved == {"lenet": None}


def test_a_circle_of_saved_queries_is_found() -> None:
    assert _messages("select m from 'one'") == [
        "In the saved query `three`: The saved query `one` comes back to itself."
    ]


def test_all_is_said_at_once() -> None:
    text = "select m from 'none' where m.nam = :a and m.name like :b and m in 'nothing' limit :c"
    assert _messages(text, b=3, c=-1) == [
        "There is no saved query `none`, and no version of that name.",
        "A version has no `nam`. Did you mean `name`?",
        "The parameter `:a` has no value. Given: `:b` and `:c`.",
        "Found a number, expected a pattern in quotes.",
        "There is no saved query `nothing`, and no version of that name.",
        "`:c` is -1, expected a whole number from 0.",
    ]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "select m where m.nam = 1 and m.name = = 2 order by m.nosuch",
            [
                "A version has no `nam`.",
                "Found `=`, expected a value.",
                "A version has no `nosuch`.",
            ],
        ),
        (
            'slice s from m where m.nam = "x" mutate s.input = and s.output = m["a"]',
            ["A version has no `nam`.", "`and` is a keyword and cannot stand here; expected"],
        ),
        (
            "select m where m.author = 1 limit x",
            ["Found a number, expected a text to compare with.", "Found `x`, expected"],
        ),
        # nothing is said of the rest where it is not known what there is
        ("select m, where m.nam = 1", ["Found `where`, expected a value."]),
    ],
)
def test_mistakes_of_meaning_are_said_beside_those_of_syntax(
    text: str, messages: list[str]
) -> None:
    found = _messages(text)
    assert len(found) == len(messages), found
    for one, start in zip(found, messages, strict=True):
        assert one.startswith(start)


def test_parameters_of_saved_queries_are_asked_for() -> None:
    assert prepare("select m from 'asks'", STORE, {"name": "x"}).saved["asks"] is not None
    assert _messages("select m from 'asks'") == [
        "In the saved query `asks`: The parameter `:name` has no value."
    ]
    assert _messages("select m", name="x") == [
        "The query has no parameter `:name`, but it was given."
    ]


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        ("select m where m.name = :p", 3, "Found a number, expected a text to compare with."),
        (
            "select m where m.name = :p",
            {1},
            "`:p` is of type set, expected a text, a number, a time or",
        ),
        ("select m where m.name in :p", "x", "Found a text, expected a list such as"),
        ("select m where m.version in :p", 3, "Found a number, expected a list such as"),
        ("select m where m.name matches :p", "(", "`:p` is '(', in which "),
        ("select m where m[:p] has CONV", "a[", "`:p` is 'a[', in which `[` is not closed"),
        ("select m from :p", 3, "`:p` is 3, expected a name, or a list of versions or their ids."),
        ("select m from :p", "none", "There is no saved query `none`, and no version of that"),
        ("select m where m.creation_time > :p", "soon", 'Found "soon", expected a date such as'),
        ("select m limit :p", True, "`:p` is True, expected a whole number from 0."),
        ("select m where m.version = :p", "x" * 99, "Found a text, expected a number to compare"),
    ],
)
def test_parameters_of_a_wrong_kind(text: str, value: object, message: str) -> None:
    assert _messages(text, p=value)[0].startswith(message)


def test_values_are_never_read_as_text_of_the_query() -> None:
    text = "select m where m.name = :p"
    prepared = prepare(text, STORE, {"p": '" or true or m.name = "'})
    assert prepared.text == text


def test_times_without_a_zone_are_in_utc() -> None:
    day = datetime.datetime(2015, 11, 22)
    assert given({"p": [day]}) == {"p": [day.replace(tzinfo=datetime.UTC)]}
