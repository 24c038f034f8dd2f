"""Every test file runs: pytest finds the Python ones, the build has the C++ ones."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any


def test_every_python_test_file_is_collected(tree: Any) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider"),
            # The settings' own -q and another would make a summary of the list.
            *("-o", "addopts=", "--import-mode=importlib", "-q"),
        ],
        cwd=tree.root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    collected = set(re.findall(r"^(tests/[^:\n]+\.py)::", done.stdout, re.MULTILINE))
    there = {str(s.path) for s in tree.python("tests") if _has_tests(s.text)}
    assert there - collected == set()
    assert {path for path in collected if "/test_" not in path} == set()


def _has_tests(text: str) -> bool:
    return re.search(r"^\s*(async )?def test_", text, re.MULTILINE) is not None


def test_every_cpp_test_file_is_built(tree: Any) -> None:
    build = (tree.root / "tests/cpp/build.sh").read_text()
    sources = tree.under("tests", suffixes=(".cc",))
    by_pattern = "*.cc" in build or "*_test.cc" in build
    missing = [str(p) for p in sources if not by_pattern and p.name not in build]
    assert len(sources) > 0
    assert missing == []


def test_tests_are_no_packages(tree: Any) -> None:
    """So that two test files may have one name."""
    assert [str(path) for path in tree.under("tests") if path.name == "__init__.py"] == []


def test_every_folder_of_tests_stands_for_a_folder_of_sources(tree: Any) -> None:
    """Sources are mirrored; only what tests several of them has a folder of its own."""
    own = {"house", "cpp", "golden", "cli", "sessions", "end_to_end", "fuzz", "bench"}
    sources = {path.parts[1].lstrip("_") for path in tree.under("modelhub") if len(path.parts) > 2}
    folders = {path.parts[1] for path in tree.under("tests") if len(path.parts) > 2}
    assert folders <= own | sources | {"dql", "scripts"}
