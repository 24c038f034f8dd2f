from __future__ import annotations

from pathlib import Path

import pytest

from modelhub.cli.context import Context
from modelhub.cli.parser import overview, shared_context, split, verb_parser
from modelhub.cli.verbs import STATUSES, VERBS
from modelhub.errors import UsageError


def _context(*words: str) -> Context:
    command = split(words)
    parser = verb_parser(command.verb, VERBS[command.verb])
    parser.add_argument("rest", nargs="*")
    return shared_context(command.context, parser.parse_intermixed_args(command.rest))


@pytest.mark.parametrize(
    "words",
    [
        ("-C", "dir", "--json", "--quiet", "list"),
        ("-Cdir", "list", "--json", "-q"),
        ("list", "-C", "dir", "--json", "--quiet"),
        ("list", "a", "-Cdir", "b", "--json", "c", "-q"),
    ],
)
def test_shared_options_before_and_after_the_verb(words: tuple[str, ...]) -> None:
    assert _context(*words) == Context(Path("dir"), json=True, quiet=True)


def test_nothing_given() -> None:
    assert _context("list") == Context()
    assert Context().start == Path()


def test_rest_is_left_to_the_verb() -> None:
    command = split(["--json", "diff", "a", "--html", "b"])
    assert (command.verb, command.rest) == ("diff", ("a", "--html", "b"))


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--json", "--help", "list"]])
def test_help(words: list[str]) -> None:
    assert split(words).show == "help"


def test_version() -> None:
    assert split(["--version"]).show == "version"


@pytest.mark.parametrize("words", [[], ["-C"], ["--nope"], ["nope"], ["--json"], ["--", "list"]])
def test_usage_errors(words: list[str]) -> None:
    with pytest.raises(UsageError):
        split(words)


def test_a_typing_mistake_is_recognised() -> None:
    with pytest.raises(UsageError) as caught:
        split(["comit"])
    assert "commit" in caught.value.hint


@pytest.mark.parametrize("name", VERBS)
def test_help_of_each_verb_lists_its_statuses(name: str) -> None:
    text = verb_parser(name, VERBS[name]).format_help()
    for status in VERBS[name].statuses:
        assert f"  {status:<4}{STATUSES[status]}" in text


def test_overview_lists_verbs_and_statuses() -> None:
    text = overview()
    for name, verb in VERBS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"  {name} "))
        assert verb.summary in line
        assert line.endswith(" ".join(map(str, verb.statuses)))
    assert max(map(len, text.splitlines())) <= 80
