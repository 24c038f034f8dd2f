"""Keep the list of companions that may be garbage in their tier, and remove those that are.

A name is noted before anything is done that could leave its companion behind; so a program killed
at any point leaves nothing that is not on the list. A companion is garbage if no near file of its
pack is in the repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from modelhub import _core
from modelhub.errors import ModelHubError, RemoteError
from modelhub.fs import files
from modelhub.fs.layout import Layout, companion_name
from modelhub.pas.tiers import fault, open_tier

__all__ = ["clean", "note", "noted"]


def noted(layout: Layout) -> dict[str, list[str]]:
    """Return the content names of packs by the tier in which a companion may be left."""
    if not files.exists(layout.leftovers_file):
        return {}
    try:
        found = json.loads(files.read_bytes(layout.leftovers_file))
        return {str(url): [str(name) for name in names] for url, names in found.items()}
    except (ValueError, AttributeError, TypeError):
        # A damaged list costs garbage in a tier at most; it must not stop anything.
        return {}


def note(layout: Layout, url: str, names: Iterable[bytes]) -> None:
    """Add packs to the list of a tier; the writer's lock must be held."""
    before = noted(layout)
    known = before.get(url, [])
    new = [name.hex() for name in names if name.hex() not in known]
    if new and url:
        _write(layout, {**before, url: [*known, *new]})


def clean(layout: Layout) -> int:
    """Remove what is garbage from its tiers; return how many wait for a tier out of reach.

    The writer's lock must be held.
    """
    before = noted(layout)
    left: dict[str, list[str]] = {}
    for url, names in before.items():
        garbage = [name for name in names if not _needed(layout, name)]
        if not garbage:
            continue
        try:
            tier = open_tier(url)
            # An unmounted folder has no files either; that does not mean that they are gone.
            if fault(tier):
                left[url] = garbage
                continue
            for name in garbage:
                tier.remove(companion_name(name))
        except RemoteError:
            left[url] = garbage
        except ModelHubError as error:
            if error.kind != "missing_extra":
                raise
            left[url] = garbage
    if left != before:
        _write(layout, left)
    return sum(map(len, left.values()))


def _needed(layout: Layout, name: str) -> bool:
    path = layout.pack_path(name)
    if not files.exists(path):
        return False
    try:
        with _core.PackReader(str(path)) as reader:
            return reader.is_split
    except ModelHubError:
        # It is damaged: what could repair it is not removed.
        return True


def _write(layout: Layout, lists: dict[str, list[str]]) -> None:
    if lists:
        files.write_atomic(layout.leftovers_file, json.dumps(lists, indent=1).encode())
    elif files.exists(layout.leftovers_file):
        files.remove(layout.leftovers_file)
        files.sync_dir(layout.dot)
