"""Read a query and all saved queries that it names, and say all that is wrong at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dql import ast
from dql.backend import Backend, Probe, Value
from dql.check import mistakes_of
from dql.errors import DqlError
from dql.mistakes import Mistake, error_of, raise_mistakes
from dql.parser import parse, readable_part
from dql.prepare.parameters import mistakes_of_parameters

__all__ = ["Prepared", "prepare"]

# Saved queries that name saved queries: beyond this Python's own stack would be the limit.
_SAVED_DEPTH_MAX = 16


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query that can be run.

    Args:
        query: What was read.
        text: The text it was read from.
        saved: For each name of a saved query in it the query; None where the name is that of
            versions.
    """

    query: ast.Query
    text: str
    saved: Mapping[str, Prepared | None] = field(default_factory=dict)


def prepare(text: str, backend: Backend, parameters: Mapping[str, Value]) -> Prepared:
    """Read a query, and the saved ones that it names.

    Raises:
        DqlError: The query, or a saved one, cannot be read or has no meaning, names what is not
            there, or its parameters are not those given. The error has all the mistakes.
    """
    reader = _Reader(backend, parameters)
    prepared = reader.prepared(text, ())
    extra = [name for name in parameters if name not in reader.used]
    raise_mistakes(
        text,
        [Mistake(0, f"The query has no parameter `:{name}`, but it was given.") for name in extra],
    )
    return prepared


class _Reader:
    def __init__(self, backend: Backend, parameters: Mapping[str, Value]) -> None:
        self._backend = backend
        self._parameters = parameters
        self._done: dict[str, Prepared | None] = {}
        self.used: set[str] = set()

    def prepared(self, text: str, around: tuple[str, ...]) -> Prepared:
        """Return a query; `around` are the names of the saved queries that it is inside."""
        try:
            query = parse(text)
        except DqlError as error:
            raise _with_meaning(error, text, self._parameters) from None
        mistakes = mistakes_of(query, self._parameters)
        # What a value has a wrong kind for is one mistake, however it was found.
        said = {each.offset for each in mistakes}
        more = mistakes_of_parameters(query, self._parameters)
        mistakes += [each for each in more if each.offset not in said]
        self.used.update(each.name for each in ast.walk(query) if isinstance(each, ast.Parameter))
        saved: dict[str, Prepared | None] = {}
        for piece, name in self._named(query):
            if name in saved:
                continue
            found = self._saved(piece, name, around)
            if isinstance(found, Mistake):
                mistakes.append(found)
            else:
                saved[name] = found
        raise_mistakes(text, mistakes)
        return Prepared(query, text, saved)

    def _named(self, query: ast.Query) -> Iterator[tuple[ast.Piece, str]]:
        """Yield each piece that is the name of a saved query or of versions, with the name."""
        variables = {each.variable for each in ast.walk(query) if isinstance(each, ast.Source)}
        for each in ast.walk(query):
            if isinstance(each, ast.Select):
                variables |= {v.name for item in each.items for v in ast.own_variables(item)}
        inside = {
            id(part)
            for each in ast.walk(query)
            if isinstance(each, ast.Template)
            for part in each.arguments
        }
        for each in ast.walk(query):
            if id(each) in inside:
                continue
            if isinstance(each, ast.Source):
                origin: ast.Piece | None = each.origin
                bare = True
            elif isinstance(each, ast.In):
                origin = each.values
                bare = not (isinstance(origin, ast.Variable) and origin.name in variables)
            else:
                continue
            if isinstance(origin, ast.Text) or (isinstance(origin, ast.Variable) and bare):
                yield origin, origin.value if isinstance(origin, ast.Text) else origin.name
            elif isinstance(origin, ast.Parameter):
                value = self._parameters.get(origin.name)
                if isinstance(each, ast.Source) and isinstance(value, str):
                    yield origin, value

    def _saved(
        self, piece: ast.Piece, name: str, around: tuple[str, ...]
    ) -> Prepared | Mistake | None:
        at = piece.span.start
        if name in around or len(around) >= _SAVED_DEPTH_MAX:
            return Mistake(at, f"The saved query `{name}` comes back to itself.")
        if name in self._done:
            return self._done[name]
        text = self._backend.saved(name)
        if text is None:
            if not _is_version(self._backend, name):
                return Mistake(
                    at, f"There is no saved query `{name}`, and no version of that name."
                )
            self._done[name] = None
        else:
            try:
                self._done[name] = self.prepared(text, (*around, name))
            except DqlError as error:
                raise _in_saved(name, text, error) from None
        return self._done[name]


def _in_saved(name: str, text: str, error: DqlError) -> DqlError:
    """Return an error that tells which saved query the text belongs to that it shows."""
    if error.source != text or error.message.startswith("In the saved query"):
        return error
    return DqlError(
        f"In the saved query `{name}`: {error.message}",
        source=text,
        line=error.line,
        column=error.column,
        others=error.others,
    )


def _is_version(backend: Backend, name: str) -> bool:
    """Say whether a version has this name."""
    probe = Probe(("name",), name, name)
    if backend.estimate(probe) is None:
        return any(each.attributes.get("name") == name for each in backend.versions())
    found = map(backend.version, backend.probe(probe))
    return any(each is not None and each.attributes.get("name") == name for each in found)


def _with_meaning(error: DqlError, text: str, parameters: Mapping[str, Value]) -> DqlError:
    """Return an error of reading with what has no meaning in the clauses that can be read."""
    part = readable_part(text)
    if part is None:
        return error
    # The statement as a whole may lack what stands in the clause that cannot be read.
    start = part.statement.span.start
    more = [each for each in mistakes_of(part, parameters) if each.offset != start]
    found = [error, *error.others]
    places = [Mistake(_offset(text, each), each.message) for each in found]
    return error_of(text, [*places, *more])


def _offset(text: str, error: DqlError) -> int:
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[: error.line - 1])) + error.column - 1
