"""Show what a commit or copy made."""

from __future__ import annotations

from typing import Any

from modelhub.cli.output import Output
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.commit_network import NetworkFacts
from modelhub.report import human

__all__ = ["commit_document", "say_commit"]


def commit_document(result: CommitResult) -> dict[str, Any]:
    """Return a commit's result for JSON."""
    return {
        "name": result.name,
        "version": result.version,
        "rev": f"{result.name}@{result.version}",
        "id": result.id,
        "logical_bytes": result.logical_bytes,
        "stored_bytes": result.stored_bytes,
        "snapshots": result.snapshots,
        "parents": result.parents,
        "tensors": {
            "new": result.tensors_new,
            "delta": result.tensors_delta,
            "known": result.tensors_known,
        },
        "network": result.network.how,
        "nodes": result.network.nodes,
        "network_source": result.network.source or None,
        "network_note": result.network.note or None,
        "seconds": result.seconds,
    }


def say_commit(output: Output, result: CommitResult, done: str) -> None:
    """Say in a few lines what was made, of what, and what it takes."""
    origin = f" on {', '.join(result.parents)}" if result.parents else ""
    output.say(f"{done} {result.name}@{result.version}  {result.id[:12]}{origin}")
    parts = [
        f"{count} {what}"
        for count, what in (
            (result.tensors_new, "stored whole"),
            (result.tensors_delta, "as deltas"),
            (result.tensors_known, "known already"),
        )
        if count
    ]
    if parts:
        output.say(f"  tensors: {', '.join(parts)}", "dim")
    if len(result.snapshots) > 1:
        output.say(f"  snapshots: {', '.join(result.snapshots)}", "dim")
    line = _network(result.network)
    if line:
        output.say(f"  network: {line}", "dim")
    saved = human.saved(result.logical_bytes, result.stored_bytes)
    output.say(
        f"  {human.size(result.logical_bytes)} in, {human.size(result.stored_bytes)} stored, "
        f"{saved}, {human.duration(result.seconds)}",
        "dim",
    )


def _network(facts: NetworkFacts) -> str:
    if facts.nodes is None:
        return f"of the weights alone ({facts.note})" if facts.note else ""
    origin = f" from {facts.source}" if facts.source else ""
    return f"{facts.how}{origin}, {facts.nodes} nodes"
