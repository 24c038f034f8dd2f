"""Build the argument parsers: the options that all verbs share, before or after the verb."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from modelhub.cli.context import Context
from modelhub.cli.verbs import STATUSES, VERBS, Verb
from modelhub.errors import UsageError

__all__ = ["CommandLine", "Parser", "overview", "shared_context", "split", "verb_parser"]

_DESCRIPTION = "Version control and compressed storage for deep-learning models."


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ours, so that they can be reported as JSON too."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(message, hint=f"see `{self.prog} --help`")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command line split at the verb; `verb` is empty for --help and --version."""

    context: Context
    verb: str = ""
    rest: Sequence[str] = field(default_factory=tuple)
    show: str = ""


def split(arguments: Sequence[str]) -> CommandLine:
    """Read the shared options up to the verb, and leave the rest to the verb's own parser.

    Raises:
        UsageError: no verb, an unknown one, or an unknown option before it.
    """
    context = Context()
    index = 0
    while index < len(arguments):
        word = arguments[index]
        index += 1
        if word in ("-h", "--help"):
            return CommandLine(context, show="help")
        if word == "--version":
            return CommandLine(context, show="version")
        if word == "--json":
            context = replace(context, json=True)
        elif word in ("-q", "--quiet"):
            context = replace(context, quiet=True)
        elif word == "-C":
            if index == len(arguments):
                raise UsageError("-C without a folder", expected="-C DIR")
            context = replace(context, directory=Path(arguments[index]))
            index += 1
        elif word.startswith("-C"):
            context = replace(context, directory=Path(word[2:]))
        elif word.startswith("-"):
            raise UsageError(f"unknown option {word}", hint="see `modelhub --help`")
        else:
            return CommandLine(context, _known(word), tuple(arguments[index:]))
    raise UsageError("no verb", expected="one of " + ", ".join(VERBS), hint="see `modelhub --help`")


def _known(word: str) -> str:
    if word in VERBS:
        return word
    close = difflib.get_close_matches(word, VERBS, n=1)
    hint = f"did you mean `modelhub {close[0]}`?" if close else "see `modelhub --help`"
    raise UsageError(f"unknown verb {word!r}", hint=hint)


def verb_parser(name: str, verb: Verb) -> Parser:
    """Return the parser of a verb with the shared options in it; the verb adds its own."""
    statuses = "\n".join(f"  {code:<4}{STATUSES[code]}" for code in verb.statuses)
    parser = Parser(
        prog=f"modelhub {name}",
        description=verb.summary[0].upper() + verb.summary[1:] + ".",
        epilog=f"exit status:\n{statuses}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    shared = parser.add_argument_group("options of every verb")
    shared.add_argument("-C", dest="shared_directory", metavar="DIR", help="repository to use")
    shared.add_argument(
        "--json",
        dest="shared_json",
        action="store_true",
        help="print one JSON document, and errors as JSON on stderr",
    )
    shared.add_argument(
        "-q",
        "--quiet",
        dest="shared_quiet",
        action="store_true",
        help="say nothing but what was asked for",
    )
    return parser


def shared_context(before: Context, values: argparse.Namespace) -> Context:
    """Return the shared options given before the verb together with those after it."""
    known: dict[str, Any] = vars(values)
    directory = known["shared_directory"]
    return Context(
        directory=before.directory if directory is None else Path(directory),
        json=before.json or known["shared_json"],
        quiet=before.quiet or known["shared_quiet"],
    )


def overview() -> str:
    """Return the text of `modelhub --help`."""
    width = max(map(len, VERBS))
    verbs = "\n".join(
        f"  {name:<{width}}  {verb.summary:<44}{' '.join(map(str, verb.statuses))}"
        for name, verb in VERBS.items()
    )
    statuses = "\n".join(f"  {code:<4}{text}" for code, text in STATUSES.items())
    return (
        f"usage: modelhub [-C DIR] [--json] [--quiet] VERB ...\n\n{_DESCRIPTION}\n\n"
        f"verbs, each with its exit statuses (more: `modelhub VERB --help`):\n{verbs}\n\n"
        "options, before or after the verb:\n"
        "  -C DIR       the repository; without it, the one that holds this folder\n"
        "  --json       print one JSON document, and errors as JSON on stderr\n"
        "  -q, --quiet  say nothing but what was asked for\n"
        "  --version    print the version\n"
        "  -h, --help   print this help\n\n"
        "revisions: NAME[@VERSION][#SNAPSHOT]\n"
        "  VERSION   a number, a tag, or 8 or more digits of an id; without it the newest\n"
        "  SNAPSHOT  a label, an index, `best` or `last`; without it best, else last\n\n"
        f"exit status:\n{statuses}\n"
    )
