"""Ask for queries on a terminal: with completion, history, and several lines.

A query ends with `;` or with an empty line behind what can be read as one. What is wrong with it is
shown under it; nothing ends the prompt but Ctrl-D, `exit` or `quit`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

import dql
from modelhub.cli import failures
from modelhub.cli.cmd_query import run_text
from modelhub.cli.output import Output
from modelhub.cli.query_words import Words, offered, words_of
from modelhub.dlv.state import Repo
from modelhub.errors import ModelHubError
from modelhub.fs import files
from modelhub.query import saved

__all__ = ["ask", "history_path", "is_whole"]

_LEAVING = ("exit", "quit", "exit;", "quit;")
_HELP = (
    "Type a query; it ends with `;` or an empty line. Tab completes, Ctrl-R searches the history, "
    "Ctrl-D leaves."
)


def ask(output: Output, repo: Repo, parameters: dict[str, Any], values: argparse.Namespace) -> int:
    """Run queries until the user leaves; return the exit status."""
    output.say(f"repository {repo.layout.root}. {_HELP}", "dim")
    session: PromptSession[str] = PromptSession(
        "dql> ",
        multiline=True,
        prompt_continuation="...> ",
        completer=_Completions(repo),
        complete_while_typing=False,
        history=_history(),
        key_bindings=_bindings(),
    )
    while True:
        try:
            text = session.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if text.strip().lower() in _LEAVING:
            return 0
        if text.strip():
            _run(output, repo, text, parameters, values)


def _run(
    output: Output,
    repo: Repo,
    text: str,
    parameters: dict[str, Any],
    values: argparse.Namespace,
) -> None:
    try:
        run_text(output, repo, text, parameters, values, save=values.save)
    except KeyboardInterrupt:
        output.line("interrupted", "yellow")
    except Exception as error:
        ours = failures.translate(error)
        if ours is None:
            raise
        location = f"{ours.where}: " if ours.where else ""
        for line in (f"error: {location}{ours.found}", *ours.detail):
            output.line(line, "red")
        if ours.expected:
            output.line(f"expected {ours.expected}", "red")
        if ours.hint:
            output.line(f"hint: {ours.hint}")


def is_whole(text: str) -> bool:
    """Say whether a query is at its end: at `;` or an empty line behind one that can be read."""
    if text.rstrip().endswith(";") or text.strip().lower() in _LEAVING:
        return True
    if not text.strip() or text.rpartition("\n")[2].strip():
        return not text.strip()
    try:
        dql.parse(text)
    except dql.DqlError:
        return False
    return True


def history_path() -> Path | None:
    """Return the file of queries asked before; None if there is no home to keep it in."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        home = os.path.expanduser("~")
        if not os.path.isabs(home):
            return None
        state = os.path.join(home, ".local", "state")
    return Path(state) / "modelhub" / "query_history"


def _history() -> History:
    path = history_path()
    if path is not None:
        with contextlib.suppress(OSError):
            for folder in (*reversed(path.parent.parents), path.parent):
                if not files.exists(folder):
                    files.make_dir(folder)
            with path.open("ab"):
                pass
            # What was asked is nobody else's business.
            path.chmod(0o600)
            return FileHistory(str(path))
    return InMemoryHistory()


def _bindings() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        at_end = not buffer.document.text_after_cursor.strip()
        if at_end and is_whole(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return keys


class _Completions(Completer):
    """Completes from the words of the language and of the repository.

    The repository's are read when the first are asked for, and anew after something was stored.
    """

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._words = Words()
        self._seen: tuple[int, list[str]] | None = None

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002
    ) -> Iterable[Completion]:
        """Yield what the word before the cursor may become."""
        # What is wrong with the repository is said by the query, not while it is typed.
        with contextlib.suppress(ModelHubError):
            self._read()
        for begun, word in offered(document.text_before_cursor, self._words):
            yield Completion(word, start_position=-len(begun))

    def _read(self) -> None:
        with self._repo.catalog.read() as txn:
            seen = txn.number, saved.names(self._repo.layout)
        if seen != self._seen:
            self._words = words_of(self._repo)
            self._seen = seen
