"""Show what `archive --layout` did."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from modelhub.cli.output import Output
from modelhub.dlv.archive_layout import LayoutResult
from modelhub.report import human

__all__ = ["layout_document", "say_layout"]


def layout_document(result: LayoutResult) -> dict[str, Any]:
    """Return the result for JSON."""
    return asdict(result)


def say_layout(output: Output, result: LayoutResult) -> None:
    """Say in a few lines what was done, or would be."""
    would = "would store" if result.dry_run else "stored"
    count = human.plural(result.tensors, "tensor")
    if result.moved:
        written = "" if result.dry_run else f", {human.size(result.written_bytes)} written"
        output.say(f"{would} {result.moved} of {count} in the {result.layout} layout{written}")
    else:
        output.say(f"nothing to store in the {result.layout} layout")
    before, after = result.storage_before, result.storage_cost
    sizes = f"{human.size(before)} before, {human.size(after)} after"
    if before and after != before:
        part = human.share(abs(1 - after / before))
        sizes += f", {part} {'less' if after < before else 'more'}"
    lines = [f"{sizes}, in {human.plural(len(result.snapshots), 'snapshot')}"]
    if result.known:
        lines.append(f"{human.plural(result.known, 'tensor')} in that layout already")
    if result.unfit:
        lines.append(f"{human.plural(result.unfit, 'tensor')} not fit for it, left as before")
    if result.moved and not result.dry_run:
        lines.append("`modelhub gc` frees the room of the old copies")
    for line in lines:
        output.say(f"  {line}", "dim")
