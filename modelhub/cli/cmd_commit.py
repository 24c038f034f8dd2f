"""`modelhub commit`: make a version of what is staged."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_commit import commit_document, say_commit
from modelhub.dlv import settings
from modelhub.dlv.commit import commit
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="model to make a version of")
    parser.add_argument("-m", "--message", metavar="TEXT", default="", help="what is new")
    parser.add_argument(
        "--base",
        metavar="REV",
        action="append",
        default=[],
        help="parent, can be repeated; by default NAME's newest version",
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="metadata, can be repeated: int, float, true, false or text",
    )
    parser.add_argument("--tag", metavar="TAG", help="name the new version")
    parser.add_argument(
        "--snapshot",
        metavar="LABEL=PATH",
        action="append",
        default=[],
        help="weights of a checkpoint, can be repeated, earliest first",
    )
    parser.add_argument(
        "--network",
        metavar="PATH",
        type=Path,
        help="import the network: a model folder with config.json, or a .json, .onnx or .pt2 file",
    )
    parser.add_argument(
        "--no-network", action="store_true", help="keep no network that can run, the weights alone"
    )
    parser.add_argument(
        "--log", metavar="FILE", type=Path, help="training log (CSV or JSON lines) with metrics"
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """Make the version."""
    output = Output(context)
    if values.no_network and values.network is not None:
        raise UsageError("--network and --no-network", expected="one of them")
    metadata = settings.parse(values.set)
    snapshots = [_snapshot(text) for text in values.snapshot]
    with Repo.open(context.start) as repo, output.progress("committing") as progress:
        result = commit(
            repo,
            values.name,
            message=values.message,
            bases=values.base,
            metadata=metadata,
            tag=values.tag,
            snapshots=snapshots,
            log=values.log,
            network=False if values.no_network else values.network,
            progress=progress,
            on_wait=output.wait,
            on_import=output.wait if sys.stderr.isatty() else None,
        )
    output.document(commit_document(result))
    say_commit(output, result, "committed")
    return 0


def _snapshot(text: str) -> tuple[str, Path]:
    label, equals, path = text.partition("=")
    if not equals or not label or not path:
        raise UsageError(f"snapshot {text!r}", expected="LABEL=PATH")
    return label, Path(path)
