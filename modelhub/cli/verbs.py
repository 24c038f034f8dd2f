"""List the verbs: name, module, one line of help, and the exit statuses that each can have."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STATUSES", "VERBS", "Verb"]

# What each exit status means; the classes of modelhub.errors carry them.
STATUSES = {
    0: "done",
    1: "a check answered no",
    2: "usage: the command line is malformed",
    3: "not found",
    4: "conflict with the present state",
    5: "corruption: stored bytes are damaged",
    6: "bad input: a file or value cannot be accepted",
    7: "refused by a remote or by the system (permission, disk, memory)",
    70: "an error in modelhub itself",
    130: "interrupted",
    141: "the reader of the output went away",
}

# Any verb can be misused, meet settings that are none, be refused by the system, or interrupted.
_ALWAYS = (0, 2, 6, 7, 130)


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb: the module that implements it, what it does, its exit statuses beyond the usual."""

    module: str
    summary: str
    more_statuses: tuple[int, ...]

    @property
    def statuses(self) -> tuple[int, ...]:
        """All exit statuses that the verb documents."""
        return tuple(sorted({*_ALWAYS, *self.more_statuses}))


def _verb(name: str, summary: str, *more_statuses: int) -> Verb:
    return Verb(f"modelhub.cli.cmd_{name}", summary, more_statuses)


VERBS: dict[str, Verb] = {
    "init": _verb("init", "make a repository", 4),
    "add": _verb("add", "stage files for the next commit", 3, 4, 5),
    "status": _verb("status", "show what is staged", 3, 5),
    "commit": _verb("commit", "make a version of what is staged", 3, 4, 5),
    "list": _verb("list", "list versions, or draw their lineage", 3, 5),
    "desc": _verb("desc", "describe a version", 3, 4, 5),
    "diff": _verb("diff", "compare versions: structure, then values", 3, 4, 5),
    "log": _verb("log", "show the history of a version", 3, 4, 5),
    "checkout": _verb("checkout", "write the files of a version", 3, 4, 5),
    "copy": _verb("copy", "start a new model from a version", 3, 4, 5),
    "tag": _verb("tag", "name a version", 3, 4, 5),
    "rm": _verb("rm", "remove versions, by name or by policy", 3, 4, 5),
    "query": _verb("query", "select, slice and construct models with DQL", 3, 4, 5),
    "eval": _verb("eval", "run versions over a data set, and score them", 1, 3, 4, 5),
    "archive": _verb("archive", "store versions in less room, within budgets", 1, 3, 5),
    "du": _verb("du", "show what takes how much room on disk", 3, 5),
    "gc": _verb("gc", "free the room of what no version needs", 3, 5),
    "tier": _verb("tier", "move low-order bytes of packs elsewhere", 3, 4, 5),
    "fsck": _verb("fsck", "check every stored byte", 1, 3, 5),
    "bench": _verb("bench", "measure this machine", 3),
    "compress": _verb("compress", "make files smaller, without a repository", 3, 4, 5),
    "decompress": _verb("decompress", "get compressed files back, byte for byte", 3, 4, 5),
    "inspect": _verb("inspect", "show what a file is made of", 1, 3, 5),
}
