"""Choose where the files go that are made of other files, and see that nothing is in the way."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from modelhub.errors import BadInputError, ConflictError, UsageError
from modelhub.fs import files

__all__ = ["choose"]


def choose(
    sources: Sequence[Path], out: str | None, name_of: Callable[[Path], str], *, force: bool
) -> list[Path]:
    """Return a target for each source: beside it, in the folder `out`, or the file `out`.

    Args:
        name_of: Tells the target's name; asked only where `out` does not.
        force: A file at a target's place may be replaced.

    Raises:
        UsageError: `out` is one file for several sources.
        NotFoundError: a folder does not exist.
        ConflictError: something is in the way, or two targets are one.
    """
    if out is None:
        targets = [source.parent / name_of(source) for source in sources]
    elif out.endswith("/") or os.path.isdir(out):
        targets = [Path(out) / name_of(source) for source in sources]
    elif len(sources) == 1:
        targets = [Path(out)]
    else:
        raise UsageError(
            f"-o {out} for {len(sources)} files",
            expected="a folder that exists; a file name goes with one file",
        )
    _check_apart(sources, targets)
    for target in targets:
        _check_free(target, force)
    return targets


def _check_apart(sources: Sequence[Path], targets: Sequence[Path]) -> None:
    """Refuse a target that is read itself, or that would hold two files one after the other."""
    read = {os.path.realpath(source) for source in sources}
    made: dict[str, Path] = {}
    for source, target in zip(sources, targets, strict=True):
        place = os.path.realpath(target)
        if place in read:
            raise ConflictError(
                "the file to write is one of those to read",
                where=str(target),
                hint="name another place with -o",
            )
        if place in made:
            raise ConflictError(
                f"{made[place]} and {source} would both become this file",
                where=str(target),
                hint="call the command for each, with -o FILE",
            )
        made[place] = source


def _check_free(target: Path, force: bool) -> None:
    if not os.path.isdir(target.parent):
        # Tells whether it is missing, no folder, or not to be seen.
        files.list_dir(target.parent)
    if not files.exists(target):
        return
    mode = os.lstat(target).st_mode
    if not force and not stat.S_ISDIR(mode):
        raise ConflictError(
            "a file is in the way",
            where=str(target),
            hint="name another place with -o, or replace it with --force",
        )
    if not stat.S_ISREG(mode):
        # To replace a link, a folder or a device such as /dev/null is never what was meant.
        raise BadInputError(
            "something that is no regular file is in the way",
            expected="a regular file or nothing",
            where=str(target),
            hint="name another place with -o",
            kind="unsafe_path",
        )
