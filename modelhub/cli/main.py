"""Run a command line: find the verb's module in the table, run it, turn errors into exit statuses.

Nothing that a user can cause ends in a traceback. Set MODELHUB_TRACEBACK=1 to see one for an error
in the program itself.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from modelhub import __version__
from modelhub.cli import failures
from modelhub.cli.parser import overview, shared_context, split, verb_parser
from modelhub.cli.verbs import VERBS
from modelhub.errors import ModelHubError

__all__ = ["main"]

_INTERNAL = 70
_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (that of the process by default) and return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _prepare_streams()
    try:
        status = _run(words)
        # What is still buffered may fail to be written: while that can be reported.
        sys.stdout.flush()
        return status
    except SystemExit as leave:
        return _flushed(leave.code if isinstance(leave.code, int) else 0)
    except KeyboardInterrupt:
        _say("interrupted\n")
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_stdout()
        return _BROKEN_PIPE
    except Exception as error:
        return _failed(error, as_json="--json" in words)


def _run(words: list[str]) -> int:
    command = split(words)
    if command.show == "version":
        print(f"modelhub {__version__}")
        return 0
    if command.show == "help":
        print(overview(), end="")
        return 0
    verb = VERBS[command.verb]
    module = importlib.import_module(verb.module)
    parser = verb_parser(command.verb, verb)
    module.configure(parser)
    values = parser.parse_intermixed_args(command.rest)
    status: int = module.run(shared_context(command.context, values), values)
    return status


def _prepare_streams() -> None:
    """Make sure that output can be written whatever it holds, and exists at all."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by the caller (`>&-`): what nobody wants to read goes nowhere.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            # File names may hold bytes that are no text, and terminals may lack letters.
            stream.reconfigure(errors="backslashreplace")


def _failed(error: Exception, as_json: bool) -> int:
    ours = failures.translate(error)
    if ours is None:
        if os.environ.get("MODELHUB_TRACEBACK"):
            traceback.print_exc()
        ours = ModelHubError(
            f"an error in modelhub itself: {type(error).__name__}: {error}",
            hint="please report it, with the traceback that MODELHUB_TRACEBACK=1 shows",
        )
        status = _INTERNAL
    else:
        status = ours.exit_status
    with contextlib.suppress(OSError, ValueError):
        failures.print_error(ours, sys.stderr, as_json)
    _drop_stdout(only_if_broken=True)
    return status


def _flushed(status: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
        return _BROKEN_PIPE
    except OSError as error:
        return _failed(error, as_json=False)
    return status


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _drop_stdout(only_if_broken: bool = False) -> None:
    """Send what is still buffered nowhere, or the interpreter would complain when it exits."""
    if only_if_broken:
        try:
            sys.stdout.flush()
            return
        except (OSError, ValueError):
            pass
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
