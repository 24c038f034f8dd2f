"""Show the main job on real models: in, stored small, and back byte for byte.

Run by scripts/demo. It makes its models in build/demo/ (or the folder named), then runs the public
commands there, each printed before its output, so that a reader can repeat them. Exits with 1 if a
command fails or a file comes back different.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from demo_steps import asking, models, story
from demo_steps.models import Plan
from demo_steps.shell import CommandFailedError, Shell

MB = 1e6
# Says that a folder was made by an earlier demo, which may then be removed.
MARK = ".made-by-the-demo"


def main() -> int:
    """Run the demo and return the exit status."""
    parser = argparse.ArgumentParser(description="Show ModelHub's main job on real models.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/demo"))
    folder = parser.parse_args().folder.absolute()
    if folder.exists():
        if not (folder / MARK).exists() and any(folder.iterdir()):
            print(f"{folder} holds something else: name another folder", file=sys.stderr)
            return 2
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    begun = time.perf_counter()
    shell = Shell(folder)
    print(f"== Making real models in {folder}", flush=True)
    plans = models.make(folder)
    try:
        identical = _tell(shell, plans)
    except CommandFailedError as error:
        print(f"\nThe demo stops here: {error}", file=sys.stderr)
        return 1
    same = all(all(results) for results in identical.values())
    print(f"\n{time.perf_counter() - begun:.0f} s. Everything is in {folder}")
    print("Every file came back byte for byte." if same else "SOMETHING CAME BACK DIFFERENT.")
    return 0 if same else 1


def _tell(shell: Shell, plans: list[Plan]) -> dict[str, list[bool]]:
    print("\n== Putting them in", flush=True)
    story.put_in(shell, plans)
    print("\n== Looking at them", flush=True)
    story.look(shell)
    print("\n== Asking what is in there", flush=True)
    asking.ask(shell)
    print("\n== Cutting and building networks", flush=True)
    asking.build(shell)
    shell.run("modelhub", "list", "--lineage")
    print("\n== Taking the files out again", flush=True)
    identical = {plan.rev: story.take_out(shell, plan) for plan in plans}
    story.check(shell)
    _table(shell, identical)
    return identical


def _table(shell: Shell, identical: dict[str, list[bool]]) -> None:
    """Print what went in, what each commit added to the packs, and what came back identical."""
    print(f"\n== {'version':<18}{'went in':>12}{'takes':>12}{'saved':>8}   came back identical")
    for row in shell.ask("modelhub", "list")["versions"]:
        results = identical.get(row["rev"], [])
        _row(row["rev"], row["logical_bytes"], row["stored_bytes"], results)
    used = shell.ask("modelhub", "du")
    everything = [result for results in identical.values() for result in results]
    _row("all", used["logical_bytes"], used["stored_bytes"], everything)


def _row(name: str, logical: int, stored: int, results: list[bool]) -> None:
    checked = f"{sum(results)} of {len(results)} files checked" if results else "made here"
    print(
        f"   {name:<18}{logical / MB:>9.2f} MB{stored / MB:>9.2f} MB{1 - stored / logical:>8.1%}"
        f"   {checked}"
    )


if __name__ == "__main__":
    sys.exit(main())
