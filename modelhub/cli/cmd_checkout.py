"""`modelhub checkout`: write the files of a version."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_lossy import lossy_document, lossy_text
from modelhub.dlv.checkout import checkout
from modelhub.dlv.resolve import format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError
from modelhub.report import human
from modelhub.report.page import Column, Grid

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("rev", metavar="REV", help="version, with #SNAPSHOT to choose one")
    parser.add_argument(
        "-o", "--out", metavar="DIR", type=Path, help="folder; NAME@VERSION by default"
    )
    parser.add_argument(
        "--planes",
        metavar="K",
        action="append",
        default=[],
        help="leading bytes of each value to keep; PATTERN=K for some tensors, can be repeated",
    )
    parser.add_argument(
        "--precision", choices=("bf16",), help="write float32 tensors as bfloat16 (truncated)"
    )
    parser.add_argument("--tensors", metavar="PATTERN", help="only tensors whose name fits")
    parser.add_argument(
        "--format",
        choices=("safetensors", "npz", "torch", "onnx"),
        help="write the weights as this; onnx is the network with its weights",
    )
    parser.add_argument("--force", action="store_true", help="replace files that differ")


def run(context: Context, values: argparse.Namespace) -> int:
    """Write the files."""
    output = Output(context)
    planes = _planes(values.planes)
    with Repo.open(context.start) as repo, output.progress("checking out") as progress:
        out = values.out
        if out is None:
            out = Path(format_rev(resolve(repo, values.rev).version))
        begun = time.monotonic()
        result = checkout(
            repo,
            values.rev,
            out,
            planes=planes,
            precision=values.precision,
            tensors=values.tensors,
            format=values.format,
            force=values.force,
            progress=progress,
        )
        seconds = time.monotonic() - begun
    output.document(
        {
            "rev": result.rev,
            "directory": out,
            "files": result.files,
            "bytes_written": result.bytes_written,
            "bytes_read": result.bytes_read,
            "seconds": seconds,
            "lossy": lossy_document(result.lossy),
            "notes": result.notes,
        }
    )
    if context.quiet:
        return 0
    columns = (
        Column("file", strong=True),
        Column("size", right=True),
        Column("content"),
        Column("sha256", flexible=True, priority=1),
    )
    rows = [
        (
            file.path,
            human.size(file.size),
            "as added" if file.verified else "converted",
            file.sha256[:16],
        )
        for file in result.files
    ]
    output.block(Grid(columns, rows))
    output.say(
        f"{result.rev} in {out}: {human.size(result.bytes_written)} written, "
        f"{human.size(result.bytes_read)} read, {human.duration(seconds)}",
        "dim",
    )
    for note in result.notes:
        output.say(f"note: {note}", "yellow")
    if result.lossy is not None:
        output.say(f"the values are lossy: {lossy_text(result.lossy)}", "yellow")
    return 0


def _planes(texts: list[str]) -> int | dict[str, int] | None:
    """Read `K` or `PATTERN=K`, the latter repeated."""
    if not texts:
        return None
    by_pattern: dict[str, int] = {}
    for text in texts:
        pattern, equals, number = text.rpartition("=")
        if not (number.isascii() and number.isdigit() and 0 < int(number[:4]) <= 16):
            raise UsageError(f"planes {text!r}", expected="a number of bytes from 1 to 16")
        if not equals and len(texts) > 1:
            raise UsageError(f"planes {text!r} among several", expected="PATTERN=K for each")
        if not equals:
            return int(number)
        by_pattern[pattern] = int(number)
    return by_pattern
