"""Tell the main job in commands: models go in, are looked at, and come back the same bytes."""

from __future__ import annotations

from pathlib import Path

from demo_steps.models import Plan
from demo_steps.shell import Shell

__all__ = ["check", "look", "put_in", "take_out"]


def put_in(shell: Shell, plans: list[Plan]) -> None:
    """Commit every version, each with its lineage, settings and log."""
    shell.run("modelhub", "init")
    for plan in plans:
        words = ["modelhub", "commit", plan.name, "-m", plan.message]
        if plan.base:
            words += ["--base", plan.base]
        if plan.network is not None:
            words += ["--network", _inside(shell, plan.network)]
        if plan.folder is not None:
            shell.run("modelhub", "add", _inside(shell, plan.folder))
            words += ["--tag", "published"]
        if plan.run is not None:
            for label, path in plan.run.snapshots.items():
                words += ["--snapshot", f"{label}={_inside(shell, path)}"]
            for key, value in plan.run.settings.items():
                words += ["--set", f"{key}={value}"]
            words += ["--log", _inside(shell, plan.run.log)]
        shell.run(*words)


def look(shell: Shell) -> None:
    """Show what the repository knows of the models."""
    shell.run("modelhub", "list", "--lineage")
    shell.run("modelhub", "desc", "digits@2")
    shell.run("modelhub", "diff", "digits@1", "digits@2")
    shell.run("modelhub", "diff", "minilm", "minilm-pydoc")
    shell.run("modelhub", "log", "minilm-pydoc")
    shell.run("modelhub", "tag", "digits@2", "best-so-far")
    shell.run("modelhub", "du")


def take_out(shell: Shell, plan: Plan) -> list[bool]:
    """Check out every snapshot of a version and compare each file with its original."""
    if plan.run is None:
        return [] if plan.folder is None else _compared(shell, plan.rev, plan.folder)
    results: list[bool] = []
    for label, path in plan.run.snapshots.items():
        results += _compared(shell, f"{plan.rev}#{label}", path, plan.run.log)
    return results


def check(shell: Shell) -> None:
    """Let the repository verify every byte it stores."""
    shell.run("modelhub", "fsck")


def _compared(shell: Shell, rev: str, *originals: Path) -> list[bool]:
    """Check out, and return for each file of the originals whether it came back the same."""
    out = "out/" + rev.replace("@", "-").replace("#", "-")
    shell.run("modelhub", "checkout", rev, "-o", out, "--quiet")
    expected: list[str] = []
    results: list[bool] = []
    for path in originals:
        inside = _inside(shell, path)
        names = _names(path) if path.is_dir() else [path.name]
        expected += names
        if path.is_dir():
            results += [shell.same_folders(inside, out)] * len(names)
        else:
            results.append(shell.same(inside, f"{out}/{path.name}"))
    found = _names(shell.folder / out)
    if found != sorted(expected):
        print(f"NOT THE SAME FILES: {found} instead of {sorted(expected)}")
        return [False]
    return results


def _names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def _inside(shell: Shell, path: Path) -> str:
    return str(path.relative_to(shell.folder))
