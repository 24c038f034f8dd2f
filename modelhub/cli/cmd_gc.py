"""`modelhub gc`: free the room of what no version needs."""

from __future__ import annotations

import argparse
import re
from dataclasses import asdict

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.dlv.gc import GRACE_SECONDS_DEFAULT, gc
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError
from modelhub.report import human

__all__ = ["configure", "run"]

_UNITS = {"": 1, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) *(s|min|m|h|d|w)?")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would be freed")
    parser.add_argument(
        "--grace",
        metavar="DURATION",
        help="spare packs written, or stored anew elsewhere, less than this ago: 90s, 15min, 2h, "
        "7d (default 0s: whoever reads here looks up again what has moved; give readers on other "
        "hosts the time that their longest checkout takes)",
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """Free the room."""
    output = Output(context)
    grace = GRACE_SECONDS_DEFAULT if values.grace is None else _seconds(values.grace)
    with Repo.open(context.start) as repo:
        result = gc(repo, dry_run=values.dry_run, grace_seconds=grace, on_wait=output.wait)
    output.document({**asdict(result), "grace_seconds": grace})
    freed = "would free" if result.dry_run else "freed"
    output.say(f"{freed} {human.size(result.freed_bytes)}, {human.size(result.live_bytes)} in use")
    details = [
        f"{human.plural(count, noun)} {what}"
        for count, noun, what in (
            (result.removed_packs, "pack", "removed"),
            (result.rewritten_packs, "pack", "rewritten"),
            (result.removed_objects, "object", "dropped"),
            (result.kept_for_grace, "pack", "spared as too young"),
            (result.kept_for_tier, "pack", "left as they are until the tier is back"),
        )
        if count
    ]
    if details:
        output.say(f"  {', '.join(details)}", "dim")
    return 0


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"duration {text!r}", expected="a number with s, min, h, d or w")
    return float(match[1]) * _UNITS[match[2] or ""]
