"""Run the command-line sessions of `sessions/*.txt` for real, each in a fresh folder.

A line `$ COMMAND` is run by the shell; what follows is what it must print, errors included, and
`[N]` its exit status unless that is 0. Placeholders: `<id>`, `<size>`, `<number>`, `<percent>`,
`<age>`, `<time>`, `<date>`, `<text>` (the rest of a line), and `<...>` alone for any lines. Runs of
spaces count as one, because columns follow the widths of what varies. `#` begins a comment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SESSIONS = sorted((HERE / "sessions").glob("*.txt"))

PLACEHOLDERS = {
    "<id>": r"[0-9a-f]{8,64}",
    "<size>": r"[0-9.]+ (?:B|kB|MB|GB)",
    "<number>": r"-?[0-9.]+(?:e[+-]?[0-9]+)?[kMG]?",
    "<percent>": r"[<>]?-?[0-9.]+%",
    "<age>": r"(?:just now|[0-9]+ (?:s|min|h) ago)",
    "<time>": r"[0-9.]+ (?:ms|s)",
    "<date>": r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC",
    "<text>": r".*",
}
ANY_LINES = "<...>"


@dataclass
class Step:
    """A command, where it stands, what it must print and its exit status."""

    command: str
    line: int
    expected: list[str] = field(default_factory=list)
    status: int = 0


def parse(text: str) -> list[Step]:
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("$ "):
            steps.append(Step(line[2:], number))
        elif line.startswith("#"):
            continue
        elif match := re.fullmatch(r"\[([0-9]+)\]", line):
            steps[-1].status = int(match[1])
        else:
            steps[-1].expected.append(line.rstrip())
    for step in steps:
        while step.expected and not step.expected[-1]:
            step.expected.pop()
    return steps


def pattern(line: str) -> str:
    parts = re.split(f"({'|'.join(map(re.escape, PLACEHOLDERS))})", line)
    regex = "".join(PLACEHOLDERS.get(part) or re.escape(part) for part in parts)
    return re.sub(r"(?:\\ )+", " +", regex)


def matches(expected: list[str], printed: list[str]) -> bool:
    lines = [f"(?:{pattern(line)}\n)" if line != ANY_LINES else "(?:.*\n)*" for line in expected]
    return re.fullmatch("".join(lines), "".join(f"{line}\n" for line in printed)) is not None


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, words in (
        ("modelhub", "-m modelhub"),
        ("make-model", str(HERE / "models.py")),
        ("make-network", str(HERE / "networks.py")),
        ("keys", str(HERE / "keys.py")),
    ):
        tool = tools / name
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        tool.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MODELHUB_")}
    return {
        **kept,
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
        "MODELHUB_AUTHOR": "ada@example.org",
        "LC_ALL": "C.UTF-8",
    }


@pytest.mark.parametrize("path", SESSIONS, ids=[path.stem for path in SESSIONS])
def test_session(path: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for step in parse(path.read_text(encoding="utf-8")):
        done = subprocess.run(
            ["sh", "-c", step.command],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=120,
        )
        printed = done.stdout.decode("utf-8").replace(str(work), "WORK").splitlines()
        told = f"{path.name}:{step.line}: $ {step.command}\n" + "\n".join(printed)
        assert done.returncode == step.status, told
        expected = "\n".join(step.expected)
        assert matches(step.expected, [line.rstrip() for line in printed]), (
            f"{told}\n--- expected\n{expected}"
        )


def test_there_are_sessions() -> None:
    assert SESSIONS


def test_matching_is_strict() -> None:
    assert matches(["committed <id>  <size> in"], ["committed 0123456789ab 1.2 MB in"])
    assert not matches(["committed <id>"], ["committed xyz"])
    assert not matches(["a"], ["a", "b"])
    assert matches(["a", "<...>", "z"], ["a", "b", "c", "z"])
    assert not matches([], ["a"])
