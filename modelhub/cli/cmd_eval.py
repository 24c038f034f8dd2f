"""`modelhub eval`: run versions over a data set."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.data_options import configure_data, data_options
from modelhub.cli.output import Output
from modelhub.cli.view_eval import eval_blocks, eval_document, number_text, values_of
from modelhub.dlv.evaluate import evaluate, write_predictions
from modelhub.dlv.evaluate_options import (
    CERTIFY,
    ESTIMATE,
    EXACT,
    PROGRESSIVE,
    TOP_K,
    Evaluation,
)
from modelhub.dlv.evaluate_scores import FORMS
from modelhub.dlv.requirements import Requirement, parse_requirement, unmet
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError

__all__ = ["configure", "run"]


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
    running.add_argument(
        "--outputs", choices=FORMS, help="what the network gives, if its last node does not tell"
    )
    _configure_prefixes(parser)
    configure_data(parser)


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
    options = replace(
        data_options(values),
        top=values.top,
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
    for one in found:
        of = f"{one.rev}: " if len(found) > 1 else ""
        for note in one.notes:
            output.say(f"note: {of}{note}")
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
