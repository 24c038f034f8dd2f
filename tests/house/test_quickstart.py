"""The quickstart works as it is written: every block is run, in order, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _environment(folder: Path) -> dict[str, str]:
    """Return one in which `modelhub` is the package under test, however that is installed."""
    programs = folder / "bin"
    programs.mkdir()
    program = programs / "modelhub"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m modelhub "$@"\n')
    program.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


def test_quickstart_runs(tree: Any, tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    folder = tmp_path / "work"
    folder.mkdir()
    ran = 0
    for kind, body in _BLOCK.findall(tree.read(Path("docs/quickstart.md"))):
        if kind == "python":
            commands = [[sys.executable, "-c", body]]
        else:
            lines = [line for line in body.splitlines() if line.startswith("$ ")]
            commands = [["/bin/sh", "-c", line[2:]] for line in lines]
        for command in commands:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"
            ran += 1
    assert ran > 15
