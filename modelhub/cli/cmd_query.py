"""`modelhub query`: select, slice and construct models with DQL."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_query import answer_document, show_answer
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, UsageError
from modelhub.fs import files
from modelhub.optional import require
from modelhub.query import run as queries
from modelhub.query.save import save_answer
from modelhub.query.saved import QUERY_BYTES_MAX

__all__ = ["configure", "parameters_of", "run", "run_text"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("text", metavar="TEXT", nargs="?", help="the query; quote it for the shell")
    parser.add_argument("-f", "--file", metavar="FILE", help="read the query from a file, or `-`")
    parser.add_argument(
        "--param",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="the value of :NAME; a number, true, null or a list as in JSON, else a text",
    )
    parser.add_argument(
        "--explain", action="store_true", help="show how the query is run, with rows at each step"
    )
    parser.add_argument(
        "--save",
        metavar="NAME",
        nargs="?",
        const="",
        help="save the query, and commit derived models, as NAME or as the query's `as` says",
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="what new weights are drawn by (0)"
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """Run a query, or ask for queries on a terminal."""
    text, save = values.text, values.save
    if text is None and values.file is None and save:
        # `--save "select m"`: what follows the option was meant as the query.
        text, save = save, ""
    if text is not None and values.file is not None:
        raise UsageError("a query and a file with one", expected="either of them")
    parameters = parameters_of(values.param)
    output = Output(context)
    with Repo.open(context.start) as repo:
        if text is None and values.file is None:
            if context.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
                raise UsageError(
                    "no query", expected="TEXT, or -f FILE; without them, a terminal to ask on"
                )
            prompt = require("modelhub.cli.query_prompt", "prompt")
            status: int = prompt.ask(output, repo, parameters, values)
            return status
        text = text if text is not None else _read(values.file)
        run_text(output, repo, text, parameters, values, save=save, quiet=context.quiet)
    return 0


def run_text(
    output: Output,
    repo: Repo,
    text: str,
    parameters: dict[str, Any],
    values: argparse.Namespace,
    *,
    save: str | None,
    quiet: bool = False,
) -> None:
    """Run one query and print what it found.

    Raises:
        QueryError: it cannot be run as it is written.
    """
    on_fill = output.wait if sys.stderr.isatty() else None
    with queries.opened(repo, on_fill) as backend:
        found = queries.answer(backend, text, parameters, explain=values.explain)
    if save is not None:
        found = save_answer(repo, found, text, save, values.seed)
    if output.json:
        output.document(answer_document(repo, found))
    else:
        show_answer(output, repo, found, quiet=quiet)


def parameters_of(texts: Sequence[str]) -> dict[str, Any]:
    """Return parameters by name: values that are JSON as such, others as texts.

    Raises:
        UsageError: one is not NAME=VALUE.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise UsageError(f"--param {text!r}", expected="NAME=VALUE")
        if name in found:
            raise UsageError(f"--param {name} stands twice")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, dict) else value


def _refused(word: str) -> Any:
    raise ValueError(word)


def _read(name: str) -> str:
    if name == "-":
        data = sys.stdin.buffer.read(QUERY_BYTES_MAX + 1)
    else:
        path = Path(name)
        if files.file_stat(path).st_size > QUERY_BYTES_MAX:
            data = b" " * (QUERY_BYTES_MAX + 1)
        else:
            data = files.read_bytes(path)
    if len(data) > QUERY_BYTES_MAX:
        raise BadInputError(
            f"more than {QUERY_BYTES_MAX} bytes", expected="a file with one query", where=name
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"byte {error.start} is not UTF-8", expected="a file with one query", where=name
        ) from error
