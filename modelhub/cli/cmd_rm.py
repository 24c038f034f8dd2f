"""`modelhub rm`: remove versions, named one by one or by what a policy does not keep."""

from __future__ import annotations

import argparse
import sys

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_retain import retain_document, retain_grid, retain_text
from modelhub.dlv.remove import remove
from modelhub.dlv.retain import retain
from modelhub.dlv.retention import parse
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError

__all__ = ["configure", "run"]

_YES = ("y", "yes")

_DESCRIPTION = """\
Remove versions. What other versions need of them stays, `modelhub gc` frees the rest.

rules of a policy; a version stays if any of them keeps it, each model by itself:
  keep-last=N                       the N newest
  keep-best=N[:METRIC[:min|max]]    the N best by a key of metadata
  keep-tagged                       what a tag names
  keep-days=D                       what was made in the last D days
The newest version of a model stays too, unless the policy has keep-last=0."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = _DESCRIPTION
    parser.usage = (
        "modelhub rm [--dry-run] REV...\n"
        "       modelhub rm --policy RULE[,RULE]... [--yes | --dry-run] [NAME-PATTERN...]"
    )
    parser.add_argument(
        "names",
        metavar="REV | NAME-PATTERN",
        nargs="*",
        help="version to remove; with --policy, glob on names of models (none: all models)",
    )
    parser.add_argument(
        "--policy",
        metavar="RULE",
        action="append",
        help="remove what no rule keeps; several rules with commas between, or --policy again",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would be removed, and why"
    )
    parser.add_argument(
        "-y",
        "--yes",
        action="store_true",
        help="with --policy: do it; without this it is a dry run, which asks on a terminal",
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """Remove the versions; `gc` frees their room."""
    if values.yes and values.dry_run:
        raise UsageError("--yes with --dry-run", expected="one of them")
    if values.policy is not None:
        return _by_policy(context, values)
    if not values.names:
        raise UsageError(
            "the following arguments are required: REV", hint="see `modelhub rm --help`"
        )
    output = Output(context)
    with Repo.open(context.start) as repo:
        result = remove(repo, values.names, dry_run=values.dry_run)
    output.document(
        {"removed": result.removed, "children": result.children, "dry_run": values.dry_run}
    )
    done = "would remove" if values.dry_run else "removed"
    output.say(f"{done} {', '.join(result.removed)}")
    if result.children:
        output.say(f"  children stay: {', '.join(result.children)}", "dim")
    if not values.dry_run:
        output.say("  `modelhub gc` frees what no other version needs", "dim")
    return 0


def _by_policy(context: Context, values: argparse.Namespace) -> int:
    output = Output(context)
    policy = parse(values.policy)
    with Repo.open(context.start) as repo:
        result = retain(repo, policy, values.names, dry_run=not values.yes, on_wait=output.wait)
        if result.versions and not context.quiet:
            output.block(retain_grid(result))
        elif context.quiet and not values.yes:
            # What a dry run was asked for.
            for version in result.removed:
                output.line(version.rev)
        if result.removed and not values.yes and not values.dry_run and _can_ask(context):
            if _confirmed(len(result.removed)):
                shown = result
                result = retain(
                    repo, policy, values.names, dry_run=False, shown=shown, on_wait=output.wait
                )
            else:
                output.say("nothing was removed")
                return 0
    output.document(retain_document(policy, result))
    for line in retain_text(result):
        output.say(line)
    return 0


def _can_ask(context: Context) -> bool:
    if context.json or context.quiet or sys.stdin is None:
        return False
    return sys.stdin.isatty() and sys.stdout.isatty()


def _confirmed(count: int) -> bool:
    noun = "version" if count == 1 else f"{count} versions"
    sys.stdout.write(f"remove {'this' if count == 1 else 'these'} {noun}? type yes: ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in _YES
