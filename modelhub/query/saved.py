"""Keep queries by name, as text files beside the catalog: `.modelhub/queries/NAME.dql`."""

from __future__ import annotations

from modelhub.dlv.names import check_query_name
from modelhub.errors import BadInputError
from modelhub.fs import files
from modelhub.fs.layout import Layout

__all__ = ["QUERY_BYTES_MAX", "names", "read", "write"]

# The language takes 100,000 characters.
QUERY_BYTES_MAX = 400_000

_SUFFIX = ".dql"


def read(layout: Layout, name: str) -> str | None:
    """Return the text of a saved query; None if there is none, or the name can be none.

    Raises:
        BadInputError: the file is too large, or no text.
    """
    try:
        path = layout.query_path(check_query_name(name))
    except BadInputError:
        return None
    if not files.exists(path):
        return None
    size = files.file_stat(path).st_size
    if size > QUERY_BYTES_MAX:
        raise BadInputError(
            f"{size} bytes", expected=f"a query of at most {QUERY_BYTES_MAX} bytes", where=str(path)
        )
    try:
        return files.read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"byte {error.start} is not UTF-8", expected="a query", where=str(path)
        ) from error


def write(layout: Layout, name: str, text: str) -> None:
    """Save a query under a name, in the place of one that has it.

    Raises:
        BadInputError: kind `bad_name`.
    """
    path = layout.query_path(check_query_name(name))
    if not files.exists(layout.queries_dir):
        files.make_dir(layout.queries_dir)
        files.sync_dir(layout.dot)
    files.write_atomic(path, (text.rstrip() + "\n").encode())


def names(layout: Layout) -> list[str]:
    """Return the names of the saved queries, sorted."""
    if not files.exists(layout.queries_dir):
        return []
    found = files.list_dir(layout.queries_dir)
    return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))
