"""Files and functions stay small enough to be read in one go."""

from __future__ import annotations

import ast
import re
from typing import Any

# Aim at 150 lines; beyond these a file or function is two.
SOURCE_LINES_MAX = 500
TEST_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

SUFFIXES = (".py", ".pyx", ".pxd", ".pyi", ".cc", ".h", ".sh")

# At namespace level our format does not indent: a function begins with a line that ends in `{` and
# ends with a lone `}`.
_CPP_NOT_A_FUNCTION = re.compile(r"^(namespace|class|struct|enum|union|extern|}|#|//)|=\s*{$")


def test_files(tree: Any) -> None:
    too_long = []
    for path in tree.files:
        if path.suffix in SUFFIXES or path.parts[0] in ("scripts", ".ci"):
            limit = TEST_LINES_MAX if path.parts[0] == "tests" else SOURCE_LINES_MAX
            lines = len(tree.read(path).splitlines())
            if lines > limit:
                too_long.append(f"{path}: {lines} lines, at most {limit}")
    assert too_long == []


def test_python_functions(tree: Any) -> None:
    too_long = []
    for source in tree.python():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    too_long.append(f"{source.path}:{node.lineno}: {node.name} has {lines} lines")
    assert too_long == []


def _cpp_functions(text: str) -> list[tuple[int, int]]:
    """Return first and last line of each function at namespace level."""
    found, begin = [], 0
    for number, line in enumerate(text.splitlines(), start=1):
        opens = line.endswith("{") and not line.startswith((" ", "\t"))
        if opens and not begin and not _CPP_NOT_A_FUNCTION.search(line):
            begin = number
        elif line == "}" and begin:
            found.append((begin, number))
            begin = 0
    return found


def test_cpp_functions(tree: Any) -> None:
    too_long = [
        f"{path}:{begin}: a function of {end - begin + 1} lines"
        for path in tree.under("csrc", "tests", suffixes=(".cc", ".h"))
        for begin, end in _cpp_functions(tree.read(path))
        if end - begin + 1 > FUNCTION_LINES_MAX
    ]
    assert too_long == []


def test_the_measure_of_cpp_functions() -> None:
    text = "namespace mh {\nstruct S {\n  int x;\n};\nint F(int a) {\n  return a;\n}\n}\n"
    assert _cpp_functions(text) == [(5, 7)]


def test_columns(tree: Any) -> None:
    too_wide = [
        f"{path}:{number}: {len(line)} columns"
        for path in tree.files
        if path.suffix in SUFFIXES
        for number, line in enumerate(tree.read(path).splitlines(), start=1)
        if len(line) > COLUMNS_MAX and "https://" not in line
    ]
    assert too_wide == []
