"""Find tensors by content: what an imported fine-tune came from, also when names differ."""

from __future__ import annotations

from modelhub.dlv.state import Repo
from modelhub.pas.measure import Similar

__all__ = ["similar_to"]


def similar_to(repo: Repo) -> Similar | None:
    """Return a look-up of tensors that are like one, or None where the catalog has no sketches."""
    del repo
    return None
