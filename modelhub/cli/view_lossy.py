"""Show that a version is lossy, one way for every verb that names it."""

from __future__ import annotations

from typing import Any

from modelhub.dlv.lossy import LossyFacts, LossyLabel, TensorLoss
from modelhub.report import human
from modelhub.report.page import Column, Facts, Grid

__all__ = ["loss_facts", "loss_grid", "lossy_document", "lossy_facts_document", "lossy_text"]

# What a screen shows of the tensors unless all are asked for: the worst.
_ROWS = 8


def lossy_document(label: LossyLabel | None) -> dict[str, Any] | None:
    """Return a label for JSON; null for an exact version."""
    if label is None:
        return None
    return {
        "scheme": label.scheme,
        "source": label.source,
        "bound": label.bound,
        "max_error": label.max_error,
    }


def lossy_text(label: LossyLabel) -> str:
    """Return a label with its errors, such as `bf16, max |error| 0.0146 of at most 0.02`."""
    most = "" if label.bound is None else f" of at most {human.number(label.bound)}"
    # After several copies the errors are those of the last one alone.
    last = " in the last copy" if label.copies > 1 else ""
    return f"{label.scheme}, max |error| {human.number(label.max_error)}{most}{last}"


def lossy_facts_document(found: LossyFacts | None) -> dict[str, Any] | None:
    """Return what is known of a lossy version for JSON; null for an exact one."""
    if found is None:
        return None
    return {
        **(lossy_document(found.label) or {}),
        "source_rev": found.source,
        "rule": found.rule,
        "tensors": [
            {
                "name": tensor.name,
                "bound": tensor.loss.bound,
                "max_error": tensor.loss.max_error,
                "relative_l2": tensor.loss.relative_l2,
            }
            for tensor in found.tensors
        ],
        "exact": found.exact,
    }


def loss_facts(found: LossyFacts) -> Facts:
    """Return the scheme, what it promises, and what it cost."""
    exact = f", {len(found.exact)} left exact" if found.exact else ""
    bound = found.label.bound
    return Facts(
        (
            ("scheme", found.label.scheme),
            ("bound", found.rule),
            ("", "" if bound is None else f"at most {human.number(bound)} in any tensor"),
            (
                "max |error|",
                f"{human.number(found.label.max_error)}, measured against {found.source}",
            ),
            ("tensors", f"{len(found.tensors)} by the scheme{exact}"),
            ("note", "metadata and metrics are those of the exact weights"),
        ),
        "lossy",
    )


def loss_grid(found: LossyFacts, *, full: bool) -> Grid:
    """Return the tensors with the largest errors first."""
    columns = (
        Column("tensor", strong=True),
        Column("bound", right=True, priority=1),
        Column("max |error|", right=True),
        Column("rel. L2", right=True),
    )
    kept = found.tensors if full else found.tensors[:_ROWS]
    note = ""
    if len(kept) < len(found.tensors):
        note = f"the worst {len(kept)} of {len(found.tensors)}; all: --full"
    return Grid(columns, [_row(tensor) for tensor in kept], "loss by tensor", note)


def _row(tensor: TensorLoss) -> tuple[str, ...]:
    loss = tensor.loss
    bound = "measured" if loss.bound is None else human.number(loss.bound)
    return tensor.name, bound, human.number(loss.max_error), human.number(loss.relative_l2)
