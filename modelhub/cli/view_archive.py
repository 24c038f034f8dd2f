"""Show what an archive run did: in words, as tables, and as a drawing of the versions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from modelhub.cli.output import Output
from modelhub.dlv.archive_explain import Explanation
from modelhub.dlv.archive_result import ArchiveResult
from modelhub.dlv.budgets import show
from modelhub.report import human
from modelhub.report.page import Arc, Block, Column, Diagram, Facts, Grid, Node, Page

__all__ = ["archive_document", "archive_page", "say_archive"]

# Names that stand for many; all of them are in the JSON document.
_NAMES_SHOWN = 2
# A drawing with more rows than this says nothing.
_ROWS_MAX = 1000


def archive_document(result: ArchiveResult) -> dict[str, Any]:
    """Return the result for JSON."""
    document = asdict(result)
    explanation = document.pop("explanation")
    if explanation is not None:
        document["explanation"] = explanation
    return document


def say_archive(output: Output, result: ArchiveResult) -> None:
    """Say in a few lines what was done, or would be."""
    would = "would store" if result.dry_run else "stored"
    if result.moved:
        written = "" if result.dry_run else f", {human.size(result.written_bytes)} written"
        count = human.plural(result.tensors, "tensor")
        output.say(f"{would} {result.moved} of {count} anew{written}")
    else:
        output.say("nothing to store anew")
    for line in _summary(result):
        output.say(f"  {line}", "dim")


def _summary(result: ArchiveResult) -> list[str]:
    before, after = result.storage_before, result.storage_cost
    sizes = f"{human.size(before)} before, {human.size(after)} after"
    if before and after != before:
        part = human.share(abs(1 - after / before))
        sizes += f", {part} {'less' if after < before else 'more'}"
    lines = [sizes, f"{_gap(result)}, planned by {result.solver}"]
    lines.append(_reading(result))
    if result.moved and not result.dry_run:
        off = human.share(result.estimate_error)
        lines.append(f"estimates were off by {off}; the numbers above are as written")
        lines.append("`modelhub gc` frees the room of the old copies")
    return lines


def _gap(result: ArchiveResult) -> str:
    if result.gap <= 0:
        return "no plan stores less"
    return f"at most {human.share(result.gap)} above the least that any plan within budgets stores"


def _reading(result: ArchiveResult) -> str:
    count = len(result.snapshots)
    over = sum(s.recreation_cost > s.budget * (1 + 1e-9) for s in result.snapshots)
    if not count:
        return "there is no snapshot"
    mean = sum(s.recreation_cost for s in result.snapshots) / count
    was = sum(s.before for s in result.snapshots) / count
    costs = f"{show(mean, result.unit)} to read a snapshot, {show(was, result.unit)} before"
    kept = f"{over} of {count} over budget" if over else "every budget kept"
    return f"{costs}; {kept}"


def archive_page(result: ArchiveResult) -> Page:
    """Return the page of `--explain` and `--html`."""
    why = result.explanation
    blocks: list[Block] = [_facts(result)]
    if why is not None:
        blocks.append(_diagram(why))
    blocks.append(_snapshots(result))
    if why is not None:
        blocks.append(_reasons(why))
    planned = "planned" if result.dry_run else "done"
    return Page("Archive", blocks, f"{planned} by {result.solver}, alpha {result.alpha:g}")


def _facts(result: ArchiveResult) -> Facts:
    return Facts(
        (
            ("stored before", human.size(result.storage_before)),
            ("stored after", human.size(result.storage_cost)),
            ("least, if reading may cost anything", human.size(round(result.mst_cost))),
            ("if reading is cheapest", human.size(round(result.spt_cost))),
            ("lower bound within budgets", human.size(round(result.lower_bound))),
            ("scheme", result.scheme),
        )
    )


def _snapshots(result: ArchiveResult) -> Grid:
    columns = (
        Column("snapshot", strong=True),
        Column("before", right=True),
        Column("after", right=True),
        Column("budget", right=True),
        Column("least", right=True),
    )
    rows = [
        (
            snapshot.rev,
            show(snapshot.before, result.unit),
            show(snapshot.recreation_cost, result.unit),
            show(snapshot.budget, result.unit),
            show(snapshot.least, result.unit),
        )
        for snapshot in result.snapshots
    ]
    what = "time of reading, modelled" if result.unit == "ms" else "bytes read from packs"
    return Grid(columns, rows, heading="Reading each snapshot", note=f"Costs are {what}.")


def _reasons(why: Explanation) -> Grid:
    columns = (
        Column("snapshot", strong=True),
        Column("tensors", flexible=True),
        Column("stands on"),
        Column("stored", right=True),
        Column("alone", right=True),
        Column("next best", right=True),
        Column("because", flexible=True),
    )
    rows = [
        (
            reason.rev,
            _names(reason.tensors),
            reason.base or "nothing",
            human.size(reason.chosen_bytes),
            human.size(reason.alone_bytes) if reason.base else "",
            "" if reason.other_bytes is None else human.size(reason.other_bytes),
            reason.why,
        )
        for reason in why.reasons
    ]
    note = (
        "Next best is the smallest other way to store the same tensors. Where it is smaller than "
        "what was chosen, the last column says what rules it out."
    )
    return Grid(columns, rows, heading="Why tensors are stored as they are", note=note)


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _diagram(why: Explanation) -> Diagram:
    """Draw snapshots in the order in which they were made, and which deltas stand on which."""
    if len(why.groups) > _ROWS_MAX:
        return Diagram((), (), ())
    nodes = [
        Node(rev, alone, delta, human.size(alone + delta))
        for rev, alone, delta in zip(why.groups, why.alone_bytes, why.delta_bytes, strict=True)
    ]
    lines = [(up, low) for low, above in enumerate(why.parents) for up in above if up < low]
    arcs = [
        Arc(
            flow.source,
            flow.target,
            float(flow.tensors),
            f"{human.plural(flow.tensors, 'tensor')} of {why.groups[flow.target]} on "
            f"{why.groups[flow.source]}, {human.size(flow.stored_bytes)}",
        )
        for flow in why.flows
        if flow.source != flow.target
    ]
    note = (
        "Lines on the left are lineage. Bars are what a snapshot adds: alone (grey) and as deltas "
        "(blue). An arrow leads from deltas to the snapshot that they stand on."
    )
    return Diagram(nodes, lines, arcs, heading="The versions and the plan", note=note)
