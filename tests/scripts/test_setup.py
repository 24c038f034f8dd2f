from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts"


def _shell(folder: Path, code: str, path: str | None = None) -> str:
    """Run shell code with the set-up's functions at hand, in a folder."""
    environment = None if path is None else {"PATH": path}
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", f". {SCRIPTS}/setup.sh\n{code}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tools_that_are_missing_are_all_named(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    # A python without pip and headers, on a machine that has no compiler and no pkg-config.
    bare = tools / "python3"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    named = _shell(tmp_path, f"missing_packages demo {bare}", path=str(tools)).split()
    assert named[:5] == ["g++", "make", "pkg-config", "python3-venv", "python3-dev"]
    assert named[5:] == ["libzstd-dev", "liblz4-dev", "libxxhash-dev"]


def test_nothing_is_missing_where_the_tests_run() -> None:
    root = SCRIPTS.parent
    assert _shell(root, f"missing_packages dev {sys.executable}") == ""


def test_a_python_that_is_old_or_absent_is_passed_over(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)
    (tools / "python3.12").symlink_to("/bin/true")
    assert _shell(tmp_path, "find_python", path=str(tools)) == f"{tools}/python3.12\n"


def test_extensions_are_built_again_when_a_source_changes(tmp_path: Path) -> None:
    names = ("setup.py", "pyproject.toml", "csrc/mh/a.cc", "modelhub/catalog/keys.pyx")
    for name in (*names, "modelhub/other.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one\n")
    first = _shell(tmp_path, "hash_extensions")
    (tmp_path / "modelhub/other.py").write_text("two\n")
    assert _shell(tmp_path, "hash_extensions") == first
    (tmp_path / "csrc/mh/a.cc").write_text("two\n")
    second = _shell(tmp_path, "hash_extensions")
    assert second != first
    (tmp_path / "modelhub/catalog/keys.pyx").write_text("two\n")
    assert _shell(tmp_path, "hash_extensions") not in (first, second)


def test_stamps(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    code = "fresh s abc && echo fresh || echo stale"
    assert _shell(tmp_path, code) == "stale\n"
    assert _shell(tmp_path, f"stamp s abc\n{code}") == "fresh\n"
    assert _shell(tmp_path, "fresh s abd && echo fresh || echo stale") == "stale\n"
