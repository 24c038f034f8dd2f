"""`modelhub decompress`: get the files back that `compress` made smaller."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.threads import add_threads, check_threads
from modelhub.dlv.decompress import Decompressed, decompress, decompress_targets
from modelhub.report import human

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", type=Path, help="a compressed file; it is kept"
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        help="folder, or for one FILE a file; the original's name beside FILE by default",
    )
    add_threads(parser)
    parser.add_argument("--force", action="store_true", help="replace files that are in the way")


def run(context: Context, values: argparse.Namespace) -> int:
    """Write the originals one after the other; the first that fails ends it."""
    output = Output(context)
    threads = check_threads(values.threads)
    targets = decompress_targets(values.files, values.out, force=values.force)
    done: list[Decompressed] = []
    for source, target in zip(values.files, targets, strict=True):
        with output.progress(f"decompressing {source.name}") as progress:
            made = decompress(source, target, threads=threads, progress=progress)
        done.append(made)
        output.say(f"{source} -> {target}  {human.size(made.bytes)}, SHA-256 as before")
    output.document({"files": done})
    return 0
