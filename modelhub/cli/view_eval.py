"""Lay out results of `eval` as text, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelhub.dlv.evaluate_options import EXACT, STATUSES, Evaluation
from modelhub.dlv.evaluations import Evaluated
from modelhub.report import human
from modelhub.report.page import Block, Column, Facts, Grid

__all__ = [
    "eval_blocks",
    "eval_document",
    "evaluated_document",
    "evaluated_grid",
    "number_text",
    "values_of",
]

# Classes that a terminal shows unless all are asked for; a matrix of so many is 100 columns wide.
_CLASSES_SHOWN = 20


def values_of(one: Evaluation) -> dict[str, float | None]:
    """Return the numbers of a result by the names that --json and --require have."""
    return {
        "n": one.scores.n,
        "top1": one.scores.top1,
        "topk": one.scores.topk,
        "loss": one.scores.loss,
        "certified": one.certified,
        "estimated": one.estimated,
        "exact": one.exact,
        "tie": one.tie,
    }


def eval_document(found: Sequence[Evaluation], failed: Sequence[str]) -> dict[str, Any]:
    """Return the results for JSON: those of one version stand at the top too."""
    versions = [_document(one) for one in found]
    alone = versions[0] if len(versions) == 1 else {}
    return {**alone, "versions": versions, "failed": list(failed)}


def _document(one: Evaluation) -> dict[str, Any]:
    scores = one.scores
    return {
        "rev": one.rev,
        "id": one.version,
        "snapshot": one.snapshot,
        **values_of(one),
        "k": scores.k,
        "classes": scores.class_count,
        "labelled": one.labelled,
        "not_numbers": scores.not_numbers,
        "outputs": one.outputs,
        "bytes_read": one.bytes_read,
        "bytes_full": one.bytes_full,
        "mode": one.mode,
        **one.facts,
        "notes": one.notes,
        "data": {"name": one.data.name, "bytes": one.data.nbytes, "sha256": one.data.sha256},
        "device": one.device,
        "torch": one.torch,
        "seconds": one.seconds,
        "kept": one.kept,
        "why_not_kept": one.why_not or None,
        "per_class": [
            {
                "class": row.name,
                "precision": row.precision,
                "recall": row.recall,
                "support": row.support,
                "answers": row.answers,
            }
            for row in scores.classes
        ],
        "confusion": scores.confusion,
    }


def number_text(value: float | None) -> str:
    """Return a metric to four digits; `-` where it is not known."""
    return "-" if value is None else human.number(value)


def eval_blocks(found: Sequence[Evaluation], *, full: bool) -> list[Block]:
    """Return what is shown: of one version its classes too, of several a table."""
    if len(found) != 1:
        return [_table(found)]
    one = found[0]
    shown = full or one.scores.class_count <= _CLASSES_SHOWN
    blocks: list[Block] = [_facts(one)]
    if one.mode != EXACT:
        blocks.append(_statuses(one))
    blocks.append(_classes(one, full))
    if shown:
        blocks.append(_confusion(one))
    return blocks


def _facts(one: Evaluation) -> Facts:
    scores = one.scores
    wrong = human.plural(scores.not_numbers, "example") if scores.not_numbers else ""
    return Facts(
        (
            ("version", one.rev),
            ("data", f"{one.data.name}, {human.plural(scores.n, 'example')}"),
            ("top-1", number_text(scores.top1) if one.labelled else ""),
            (f"top-{scores.k}", _topk(one) if one.labelled and scores.k > 1 else ""),
            ("loss", _loss(one) if one.labelled else ""),
            ("labels", "" if one.labelled else "none, so there is nothing to compare with"),
            ("no number", f"{wrong}, counted as wrong" if wrong else ""),
            ("outputs", f"{one.outputs} of {scores.class_count} classes"),
            ("read", _read(one)),
            ("decided", _decided(one)),
            ("scores", _scores(one)),
            ("ran", f"{human.duration(one.seconds)} on {one.device}, torch {one.torch}"),
        )
    )


def _read(one: Evaluation) -> str:
    if one.bytes_read == one.bytes_full:
        return f"{human.size(one.bytes_read)} of weights, all of them"
    share = _of_all(one, one.bytes_read)
    return f"{human.size(one.bytes_read)} of {human.size(one.bytes_full)} of weights, {share}"


def _of_all(one: Evaluation, nbytes: float) -> str:
    """Return bytes as a share of those of an exact read, which has none if weights are empty."""
    return human.share(nbytes / one.bytes_full if one.bytes_full else 1.0)


def _decided(one: Evaluation) -> str:
    """Return how many bytes it took to decide the half, most and nearly all of the examples."""
    nbytes = one.facts.get("bytes_decided", {})
    parts = [f"{float(share):.0%} by {_of_all(one, at)}" for share, at in nbytes.items()]
    return f"{', '.join(parts)} of the bytes" if parts else ""


def _scores(one: Evaluation) -> str:
    least = one.facts.get("score_least")
    if least is None:
        return ""
    below = human.plural(one.facts["scores_below_3"], "example")
    return f"margins are {number_text(least)} deviations or more; below 3 in {below}"


def _loss(one: Evaluation) -> str:
    if one.scores.loss is None:
        return "not known: of proved answers the outputs are not"
    return number_text(one.scores.loss)


def _topk(one: Evaluation) -> str:
    if one.scores.topk is None:
        unknown = human.plural(one.facts["topk_unknown"], "example")
        return f"not known of {unknown} (--certify set proves sets too)"
    return number_text(one.scores.topk)


def _statuses(one: Evaluation) -> Grid:
    """Return how many answers have which status, and for how many bytes."""
    status, margin, nbytes = one.predictions.status, one.predictions.margin, one.predictions.nbytes
    assert status is not None
    assert nbytes is not None
    columns = (
        Column("answers", strong=True),
        Column("examples", right=True),
        Column("share", right=True),
        Column("bytes, median", right=True),
        Column("bytes, most", right=True),
        Column("margin, least", right=True, priority=1),
        Column("margin, median", right=True, priority=2),
    )
    rows = []
    for word in STATUSES:
        of = status == word
        if of.any():
            rows.append(
                (
                    word,
                    str(int(of.sum())),
                    human.share(float(of.mean())),
                    _of_all(one, float(np.median(nbytes[of]))),
                    _of_all(one, int(nbytes[of].max())),
                    number_text(float(margin[of].min())),
                    number_text(float(np.median(margin[of]))),
                )
            )
    return Grid(columns, rows, "what is known of the answers")


def _table(found: Sequence[Evaluation]) -> Grid:
    ks = sorted({one.scores.k for one in found})
    columns = (
        Column("version", strong=True),
        Column("n", right=True),
        Column("top-1", right=True),
        Column(f"top-{ks[0]}" if len(ks) == 1 else "top-k", right=True, priority=1),
        Column("loss", right=True),
        *_share_columns(found),
        Column("read", right=True, priority=2),
        Column("time", right=True, priority=3),
    )
    rows = [
        (
            one.rev,
            str(one.scores.n),
            number_text(one.scores.top1),
            number_text(one.scores.topk),
            number_text(one.scores.loss),
            *_shares(one),
            human.size(one.bytes_read),
            human.duration(one.seconds),
        )
        for one in found
    ]
    return Grid(columns, rows)


def _share_columns(found: Sequence[Evaluation]) -> list[Column]:
    if all(one.mode == EXACT for one in found):
        return []
    return [Column(word, right=True, priority=1) for word in (*STATUSES, "of all bytes")]


def _shares(one: Evaluation) -> list[str]:
    if one.mode == EXACT:
        return []
    shares = (one.certified, one.tie, one.estimated, one.exact)
    return [*(human.share(share) for share in shares), _of_all(one, one.bytes_read)]


def _classes(one: Evaluation, full: bool) -> Grid:
    columns = (
        Column("class", strong=True, flexible=True),
        Column("precision", right=True),
        Column("recall", right=True),
        Column("support", right=True),
        Column("answers", right=True),
    )
    rows = [
        (
            row.name,
            number_text(row.precision),
            number_text(row.recall),
            str(row.support),
            str(row.answers),
        )
        for row in one.scores.classes
    ]
    more = len(rows) - _CLASSES_SHOWN
    note = f"and {more} more: --full" if more > 0 and not full else ""
    return Grid(columns, rows if full else rows[:_CLASSES_SHOWN], "classes", note)


def _confusion(one: Evaluation) -> Grid:
    matrix = one.scores.confusion or ()
    names = [row.name for row in one.scores.classes]
    # The right answers are the diagonal; a dot keeps what never happened out of sight.
    rows = [
        (name, *(str(count) if count else "." for count in counts))
        for name, counts in zip(names, matrix, strict=False)
    ]
    columns = (Column("", strong=True), *(Column(name, right=True) for name in names))
    return Grid(columns, rows, "confusion: labels by row, answers by column")


def evaluated_document(one: Evaluated) -> dict[str, Any]:
    """Return a kept result for JSON."""
    value = one.to_json()
    value.pop("format")
    return {**value, "created": human.iso(one.created_ns)}


def evaluated_grid(found: Sequence[Evaluated], rows_max: int | None) -> Grid:
    """Return kept results as a table, the newest first, at most so many."""
    columns = (
        Column("data", strong=True, flexible=True),
        Column("snapshot", priority=4),
        Column("mode", priority=2),
        Column("n", right=True),
        Column("top-1", right=True),
        Column("top-k", right=True, priority=1),
        Column("loss", right=True),
        Column("device", priority=3),
        Column("when", priority=2),
    )
    newest = list(reversed(found))
    kept = newest[:rows_max]
    rows = [
        (
            one.data,
            one.snapshot,
            one.mode,
            str(one.n),
            number_text(one.top1),
            "-" if one.topk is None else f"{number_text(one.topk)} (k={one.k})",
            number_text(one.loss),
            one.device,
            human.date(one.created_ns),
        )
        for one in kept
    ]
    more = len(newest) - len(kept)
    return Grid(columns, rows, "evaluations", f"and {more} more: --full" if more else "")
