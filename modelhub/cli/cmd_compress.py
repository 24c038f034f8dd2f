"""`modelhub compress`: make weight files smaller, without a repository."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.threads import add_threads, check_threads
from modelhub.codec.presets import PRESETS
from modelhub.dlv.compress import Compressed, compress, compress_targets
from modelhub.report import human

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="a file to compress; it is kept"
    )
    parser.add_argument(
        "-o", "--out", metavar="OUT", help="folder, or for one FILE a file; FILE.mhz by default"
    )
    parser.add_argument(
        "--preset", choices=PRESETS, default="default", help="what counts more, time or room"
    )
    add_threads(parser)
    parser.add_argument("--force", action="store_true", help="replace files that are in the way")


def run(context: Context, values: argparse.Namespace) -> int:
    """Compress the files one after the other; the first that fails ends it."""
    output = Output(context)
    threads = check_threads(values.threads)
    targets = compress_targets(values.files, values.out, force=values.force)
    done: list[Compressed] = []
    for source, target in zip(values.files, targets, strict=True):
        with output.progress(f"compressing {source.name}") as progress:
            made = compress(
                source, target, preset=values.preset, threads=threads, progress=progress
            )
        done.append(made)
        output.say(
            f"{source} -> {target}  {human.size(made.logical_bytes)} in, "
            f"{human.size(made.stored_bytes)} stored, "
            f"{human.saved(made.logical_bytes, made.stored_bytes)}"
        )
        if made.note:
            output.say(f"  as a plain file: {made.note}", "dim")
    output.document({"files": done})
    return 0
