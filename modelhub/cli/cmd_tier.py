"""`modelhub tier`: keep the low-order bytes of packs in another folder or an object store."""

from __future__ import annotations

import argparse

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.dlv.state import Repo
from modelhub.dlv.tier import Moved, TierStatus, pull, push, set_tier, status
from modelhub.errors import UsageError
from modelhub.report import human
from modelhub.report.page import Facts

__all__ = ["configure", "run"]

_ACTIONS = ("set", "status", "push", "pull")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "action",
        metavar="set URL|status|push|pull",
        help="choose the tier; show where bytes are; move them there; bring them back",
    )
    parser.add_argument("url", metavar="URL", nargs="?", help="a folder or an fsspec URL")
    parser.add_argument(
        "--planes", metavar="K", type=int, help="leading bytes of each value that stay; 2 at first"
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """Do what is asked."""
    output = Output(context)
    if values.action not in _ACTIONS:
        raise UsageError(f"tier {values.action!r}", expected="one of " + ", ".join(_ACTIONS))
    if (values.url is not None) != (values.action == "set"):
        raise UsageError(
            f"tier {values.action} {values.url or ''}".rstrip(),
            expected="a URL after `set`, and none after the others",
        )
    if values.planes is not None and values.action != "set":
        raise UsageError(f"--planes with tier {values.action}", expected="it with `set` alone")
    with Repo.open(context.start) as repo:
        if values.action == "set":
            result = set_tier(repo, values.url, values.planes, output.wait)
            output.document(_document(result))
            output.say(f"the tier is {result.tier}")
            if result.movable_bytes:
                text = f"  {human.size(result.movable_bytes)} can go there: `modelhub tier push`"
                output.say(text, "dim")
        elif values.action == "status":
            result = status(repo)
            output.document(_document(result))
            output.block(_facts(result))
        else:
            _move(output, repo, values.action)
    return 0


def _move(output: Output, repo: Repo, action: str) -> None:
    verb = push if action == "push" else pull
    with output.progress("pushing" if action == "push" else "pulling") as progress:
        result: Moved = verb(repo, progress, output.wait)
    output.document(
        {
            "tier": result.tier,
            "packs": result.packs,
            "moved_bytes": result.moved_bytes,
            "leftovers": result.leftovers,
        }
    )
    way = f"to {result.tier}" if action == "push" else f"back from {result.tier}"
    output.say(
        f"moved {human.size(result.moved_bytes)} of {human.plural(result.packs, 'pack')} {way}"
    )
    if action == "pull":
        output.say("  no tier is set any more", "dim")
    if result.leftovers:
        output.say(f"  {human.plural(result.leftovers, 'file')} left there to be removed", "dim")


def _document(result: TierStatus) -> dict[str, object]:
    return {
        "tier": result.tier or None,
        "planes": result.planes,
        "reachable": bool(result.tier) and not result.fault,
        "fault": result.fault,
        "packs": result.packs,
        "split_packs": result.split_packs,
        "missing_companions": result.missing_companions,
        "near_bytes": result.near_bytes,
        "far_bytes": result.far_bytes,
        "movable_bytes": result.movable_bytes,
        "leftovers": result.leftovers,
    }


def _facts(result: TierStatus) -> Facts:
    far = f"{human.size(result.far_bytes)} of {human.plural(result.split_packs, 'pack')}"
    movable = f"{human.size(result.movable_bytes)}, by `modelhub tier push`"
    missing = human.plural(result.missing_companions, "companion")
    return Facts(
        (
            ("tier", result.tier or "none; choose one with `modelhub tier set URL`"),
            ("out of reach", result.fault),
            ("planes near", str(result.planes)),
            ("near", f"{human.size(result.near_bytes)} in {human.plural(result.packs, 'pack')}"),
            ("far", far if result.split_packs else ""),
            ("missing", missing if result.missing_companions else ""),
            ("can be moved", movable if result.movable_bytes else ""),
            ("to be removed", str(result.leftovers) if result.leftovers else ""),
        )
    )
