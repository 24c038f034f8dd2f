"""`modelhub init`: make a repository."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.dlv.state import Repo

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("dir", metavar="DIR", nargs="?", help="folder; the present one by default")


def run(context: Context, values: argparse.Namespace) -> int:
    """Make the repository."""
    with Repo.init(context.start / Path(values.dir or "")) as repo:
        root = repo.layout.root
    output = Output(context)
    output.document({"root": root})
    output.say(f"initialised a repository in {root}")
    return 0
