"""`modelhub eval`: run versions over a data set."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_eval import eval_blocks, eval_document, number_text, values_of
from modelhub.data import FITS
from modelhub.dlv.evaluate import evaluate, write_predictions
from modelhub.dlv.evaluate_options import (
    BATCH_SIZE,
    CERTIFY,
    ESTIMATE,
    EXACT,
    PROGRESSIVE,
    TOP_K,
    EvalOptions,
    Evaluation,
)
from modelhub.dlv.evaluate_run import DEVICES
from modelhub.dlv.evaluate_scores import FORMS
from modelhub.dlv.requirements import Requirement, parse_requirement, unmet
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError

__all__ = ["configure", "run"]

_SIZE = re.compile(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("revs", metavar="REV", nargs="+", help="versions, side by side")
    parser.add_argument(
        "--data",
        metavar="FILE",
        type=Path,
        required=True,
        help=".npz, .safetensors or .parquet with x (or the network's inputs by name) and y for "
        "labels, or a folder with a folder of images for each class",
    )
    parser.add_argument(
        "--top", metavar="K", type=int, default=TOP_K, help="of top-k (default %(default)s)"
    )
    parser.add_argument(
        "--require",
        metavar="'METRIC>=N'",
        action="append",
        default=[],
        help="exit with 1 unless it holds for each version, such as 'top1>=0.98'; can be repeated",
    )
    parser.add_argument(
        "--predictions", metavar="FILE.npz", type=Path, help="write the answer to each example"
    )
    parser.add_argument("--no-keep", action="store_true", help="do not keep results")
    parser.add_argument("--full", action="store_true", help="leave no class out")
    running = parser.add_argument_group("how it runs")
    running.add_argument("--device", choices=DEVICES, default=DEVICES[0])
    running.add_argument(
        "--batch-size",
        metavar="N",
        type=int,
        default=BATCH_SIZE,
        help="examples at a time (default %(default)s)",
    )
    running.add_argument(
        "--outputs", choices=FORMS, help="what the network gives, if its last node does not tell"
    )
    _configure_prefixes(parser)
    values = parser.add_argument_group("what is done to the values of x")
    values.add_argument(
        "--divide-by",
        metavar="N",
        type=float,
        help="make whole numbers floats, divided by N (images: 255 unless given)",
    )
    values.add_argument("--mean", metavar="M[,M...]", help="subtract, for each channel or for all")
    values.add_argument("--std", metavar="S[,S...]", help="divide by, for each channel or for all")
    values.add_argument("--resize", choices=FITS, help="how images get the network's size")
    values.add_argument(
        "--image-size", metavar="HxW", help="size of images where the network leaves it free"
    )


def _configure_prefixes(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how much of the weights is read (all, unless told)")
    mode = group.add_mutually_exclusive_group()
    mode.add_argument(
        "--progressive",
        action="store_true",
        help="read leading bytes, prove the answers that they suffice for, read more for the rest",
    )
    mode.add_argument(
        "--estimate",
        action="store_true",
        help="answer by leading bytes alone; nothing is proved",
    )
    group.add_argument(
        "--guard",
        metavar="G",
        type=float,
        help="proved answers with a margin up to it are ties: float64 and the network's own dtype "
        "may differ (default: 1e-4 for float32)",
    )
    group.add_argument(
        "--certify",
        choices=CERTIFY,
        default=CERTIFY[0],
        help="what must be proved of an example, its label or its top-k set too",
    )
    group.add_argument(
        "--audit",
        metavar="N",
        type=int,
        default=0,
        help="of an estimate: evaluate N random examples with all weights too, which reads them "
        "all (300 without a miss bound the share of misses by 1%%)",
    )
    group.add_argument(
        "--seed",
        metavar="S",
        type=int,
        default=0,
        help="what the examples of the audit are drawn by (default %(default)s)",
    )
    group.add_argument(
        "--always",
        action="store_true",
        help="do not read all weights where that is faster over a link to a tier",
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """Evaluate, and say no with status 1 where a requirement is not met."""
    output = Output(context)
    requirements = [parse_requirement(text) for text in values.require]
    if values.predictions is not None and len(values.revs) > 1:
        raise UsageError(f"--predictions with {len(values.revs)} versions", expected="one version")
    options = EvalOptions(
        top=values.top,
        device=values.device,
        batch_size=values.batch_size,
        divide_by=values.divide_by,
        mean=_numbers("--mean", values.mean),
        std=_numbers("--std", values.std),
        image_size=_size(values.image_size),
        resize=values.resize,
        outputs=values.outputs,
        keep=not values.no_keep,
        mode=_mode(values),
        guard=values.guard,
        certify=values.certify,
        always=values.always,
        audit=values.audit,
        seed=values.seed,
    )
    with (
        Repo.open(context.start) as repo,
        output.progress("evaluating", counted="examples") as progress,
    ):
        found = evaluate(
            repo, values.revs, values.data, options, progress=progress, on_wait=output.wait
        )
    if values.predictions is not None:
        write_predictions(values.predictions, found[0])
    failed = _failed(found, requirements)
    output.document(eval_document(found, failed))
    for block in eval_blocks(found, full=values.full):
        output.block(block)
    if values.predictions is not None:
        output.say(f"wrote {values.predictions}")
    for note in dict.fromkeys(note for one in found for note in one.notes):
        output.say(f"note: {note}")
    for why in dict.fromkeys(one.why_not for one in found if one.why_not):
        output.wait(f"nothing was kept: {why}")
    for text in failed:
        output.line(f"not met: {text}", "red")
    return 1 if failed else 0


def _mode(values: argparse.Namespace) -> str:
    if values.estimate:
        return ESTIMATE
    return PROGRESSIVE if values.progressive else EXACT


def _failed(found: Sequence[Evaluation], requirements: Sequence[Requirement]) -> list[str]:
    return [
        f"{one.rev}: {requirement.text}, it is {'not known' if value is None else text}"
        for one in found
        for requirement, value in unmet(requirements, values_of(one))
        for text in (number_text(value),)
    ]


def _numbers(option: str, text: str | None) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",")) if text is not None else ()
    except ValueError as error:
        raise UsageError(f"{option} {text}", expected="numbers with commas between") from error


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = _SIZE.fullmatch(text)
    if found is None:
        raise UsageError(f"--image-size {text}", expected="HxW, such as 224x224")
    return int(found[1]), int(found[2])
