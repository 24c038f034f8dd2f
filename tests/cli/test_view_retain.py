"""What is said of a policy's result stays readable however much goes."""

from __future__ import annotations

from modelhub.cli.view_retain import retain_document, retain_text
from modelhub.dlv.retain import Judged, RetainResult
from modelhub.dlv.retention import parse


def result(children: int, *, dry_run: bool = True) -> RetainResult:
    gone = Judged(b"\0" * 32, "m@1", "m", 1, 0, 100, (), ())
    return RetainResult((gone,), tuple(f"c@{n}" for n in range(children)), 2000, dry_run)


def test_many_children_are_counted() -> None:
    text = "\n".join(retain_text(result(12)))
    assert "c@9 and 2 more" in text
    assert "c@10" not in text
    assert "more" not in "\n".join(retain_text(result(10)))
    assert "children" not in "\n".join(retain_text(result(0)))
    assert len(retain_document(parse(["keep-last=0"]), result(12))["children"]) == 12


def test_what_is_done_and_what_would_be_read_differently() -> None:
    assert "add --yes" in retain_text(result(1))[-1]
    done = "\n".join(retain_text(result(1, dry_run=False)))
    assert "removed 1 of 1 version\n" in done
    assert "would" not in done
