"""Say what is wrong with a query, as an error of both the language and the repository."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import dql
from modelhub.errors import ModelHubError

__all__ = ["QueryError", "query_errors"]


class QueryError(ModelHubError, dql.DqlError):
    """A query cannot be run as it is written (exit status 2); the text shows it with carets.

    It has `line`, `column`, `caret` and `others` of a `dql.DqlError`.
    """

    default_kind: ClassVar[str] = "query"
    exit_status: ClassVar[int] = 2

    def __init__(self, error: dql.DqlError) -> None:
        dql.DqlError.__init__(
            self,
            error.message,
            source=error.source,
            line=error.line,
            column=error.column,
            others=error.others,
        )
        self.found = error.message
        self.expected = ""
        self.where = f"line {error.line}, column {error.column}"
        self.hint = ""
        self.kind = self.default_kind
        self.detail = _carets(self)

    def __str__(self) -> str:
        return self.args[0] if self.args else self.found

    def __reduce__(self) -> tuple[Any, ...]:
        # So that it crosses the border of a process, as other errors do.
        return _again, (_parts(self), [_parts(other) for other in self.others])


def _parts(error: dql.DqlError) -> tuple[str, str, int, int]:
    return error.message, error.source, error.line, error.column


def _again(own: tuple[str, str, int, int], others: list[tuple[str, str, int, int]]) -> QueryError:
    found = [dql.DqlError(m, source=s, line=row, column=c) for m, s, row, c in others]
    message, source, line, column = own
    return QueryError(dql.DqlError(message, source=source, line=line, column=column, others=found))


def _carets(error: dql.DqlError) -> tuple[str, ...]:
    """Return the lines under the message: the caret, then the other mistakes with theirs."""
    lines = error.caret.split("\n")
    for other in error.others:
        lines += str(other).split("\n")
    return tuple(lines)


@contextmanager
def query_errors() -> Iterator[None]:
    """Turn what the language says of a query into an error of ours."""
    try:
        yield
    except QueryError:
        raise
    except dql.DqlError as error:
        raise QueryError(error) from error
