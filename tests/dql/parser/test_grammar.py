"""The grammar is a file beside the code; it must be there wherever the code is installed."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_what_is_no_code_is_packed_too() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        tools = tomllib.load(file)["tool"]["setuptools"]
    assert "dql*" in tools["packages"]["find"]["include"]
    patterns = tools["package-data"]["*"]
    others = [
        path
        for path in (ROOT / "dql").rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    ]
    assert ROOT / "dql" / "grammar.lark" in others
    for path in others:
        assert any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns), path


def test_a_built_tree_has_the_grammar(tmp_path: Path) -> None:
    program = (
        "from setuptools import setup; "
        f"setup(script_args=['-q', 'build_py', '--build-lib', {str(tmp_path / 'lib')!r}])"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, timeout=120
    )
    found = tmp_path / "lib" / "dql" / "grammar.lark"
    assert found.read_bytes() == (ROOT / "dql" / "grammar.lark").read_bytes()
