"""Read metric series from a training log.

A *series* is a list of (step, value). A log is CSV with a header line (separated by commas, tabs or
semicolons), or JSON lines: one object per line. The step is the first column or key of `STEP_KEYS`
that is there; without any, points are counted from 0.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelhub.errors import BadInputError
from modelhub.fs import files

__all__ = ["LOG_BYTES_MAX", "STEP_KEYS", "parse", "parse_text"]

Series = dict[str, list[tuple[float, float]]]

STEP_KEYS = ("step", "global_step", "iteration", "iter", "epoch")

# A log is read whole and its series go into the manifest; one beyond this is no training log.
LOG_BYTES_MAX = 256 << 20

_NUMBER = re.compile(
    r"[+-]?(nan|inf(inity)?|([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?)", re.IGNORECASE
)


def parse(path: Path) -> Series:
    """Return the metric series of a log file.

    Raises:
        BadInputError: the file is neither kind of log; names the line.
    """
    size = files.file_stat(path).st_size
    if size > LOG_BYTES_MAX:
        raise BadInputError(
            f"{size} bytes", expected=f"a log of at most {LOG_BYTES_MAX} bytes", where=str(path)
        )
    try:
        text = files.read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"byte {error.start} is not UTF-8", expected="a text file", where=str(path)
        ) from error
    return parse_text(text, str(path))


def parse_text(text: str, where: str) -> Series:
    """Return the metric series of a log's text; `where` names it in errors."""
    if not text.strip():
        raise BadInputError("the log is empty", where=where)
    rows = _json_rows if text.lstrip()[0] in "{[" else _csv_rows
    series: Series = {}
    for index, row in enumerate(rows(text, where)):
        step_key = next((key for wanted in STEP_KEYS for key in row if key.lower() == wanted), None)
        step = float(index) if step_key is None else row[step_key]
        for name, value in row.items():
            if name != step_key:
                series.setdefault(name, []).append((step, value))
    if not series:
        raise BadInputError(
            "the log has no numbers", expected="columns or keys with numbers", where=where
        )
    return series


def _number(value: Any) -> float | None:
    """Return a number that JSON or CSV holds; None for what is not one (text, null, bool)."""
    if isinstance(value, str):
        text = value.strip()
        return float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _json_rows(text: str, where: str) -> Iterator[dict[str, float]]:
    # Not splitlines(): a string in JSON may hold characters such as U+2028.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", None) or "nested too deeply or a number too long"
            raise BadInputError(
                f"not JSON: {reason}",
                expected="one JSON object per line",
                where=f"{where}, line {number}",
            ) from error
        if not isinstance(value, dict):
            raise BadInputError(
                f"a {type(value).__name__}",
                expected="one JSON object per line",
                where=f"{where}, line {number}",
            )
        yield dict(_flat(value))


def _flat(row: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the numbers of an object, those of nested objects with dotted names."""
    stack: list[tuple[str, Any]] = [("", row)]
    while stack:
        name, value = stack.pop()
        if isinstance(value, dict):
            prefix = f"{name}." if name else ""
            stack.extend((prefix + key, value[key]) for key in reversed(list(value)))
            continue
        number = _number(value)
        if number is not None:
            yield name, number


def _csv_rows(text: str, where: str) -> Iterator[dict[str, float]]:
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",\t;", key=first.count)
    reader = csv.reader(text.split("\n"), delimiter=delimiter, skipinitialspace=True)
    names: list[str] | None = None
    # A column is numeric from its first number on; one that begins with text is no series.
    numeric: dict[int, bool] = {}
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _header(cells, f"{where}, line {reader.line_num}")
                continue
            if len(cells) != len(names):
                raise BadInputError(
                    f"{len(cells)} columns",
                    expected=f"{len(names)}, as in the header",
                    where=f"{where}, line {reader.line_num}",
                )
            yield dict(_csv_numbers(names, cells, numeric, f"{where}, line {reader.line_num}"))
    except csv.Error as error:
        raise BadInputError(
            f"not CSV: {error}", where=f"{where}, line {reader.line_num}"
        ) from error


def _header(cells: list[str], where: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if all(_number(name) is not None for name in names if name):
        raise BadInputError(
            "numbers in the first line", expected="a header that names the columns", where=where
        )
    for name in names:
        if name and names.count(name) > 1:
            raise BadInputError(f"column {name!r} stands twice", where=where, kind="duplicate_name")
    return names


def _csv_numbers(
    names: list[str], cells: list[str], numeric: dict[int, bool], where: str
) -> Iterator[tuple[str, float]]:
    for column, (name, cell) in enumerate(zip(names, cells, strict=True)):
        text = cell.strip()
        # Written by pandas for row numbers: a column without a name.
        if not text or not name:
            continue
        number = _number(text)
        if not numeric.setdefault(column, number is not None):
            continue
        if number is None:
            raise BadInputError(
                f"{text!r} in column {name!r}", expected="a number or nothing", where=where
            )
        yield name, number
