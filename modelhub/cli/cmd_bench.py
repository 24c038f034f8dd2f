"""`modelhub bench`: measure this machine."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.dlv.calibrate import calibrate
from modelhub.dlv.state import Repo
from modelhub.report import human

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "what",
        choices=("calibrate",),
        help="calibrate: how fast tensors are read and decoded here, for budgets in milliseconds; "
        "kept in the repository, a second or two",
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """Measure."""
    del values
    output = Output(context)
    with Repo.open(context.start) as repo, repo.writer_lock(output.wait):
        found = calibrate(repo)
        path = repo.layout.rates_file
    output.document({**asdict(found), "file": path})
    output.say(f"measured {found.machine}")
    lines = [f"reading {human.rate(round(found.read * 1000), 1)}"]
    for kind, rates in (("alone", found.alone), ("delta", found.delta)):
        lines += [
            f"decoding {kind}, {width} bytes an element: {human.rate(round(rate * 1000), 1)}"
            for width, rate in sorted(rates.items())
        ]
    lines.append(f"each entry {found.entry_ms * 1000:.0f} us")
    for line in lines:
        output.say(f"  {line}", "dim")
    output.say(f"kept in {path}")
    return 0
