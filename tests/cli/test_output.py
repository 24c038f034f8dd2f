from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelhub.cli.context import Context
from modelhub.cli.output import Output, jsonable


@dataclass(frozen=True, slots=True)
class _Value:
    id: bytes
    numbers: tuple[float, ...]


def test_jsonable() -> None:
    value = {"v": _Value(b"\x01\xff", (1.0, math.nan, math.inf, -math.inf)), "p": Path("a")}
    assert json.loads(json.dumps(jsonable(value), allow_nan=False)) == {
        "v": {"id": "01ff", "numbers": [1.0, "NaN", "Infinity", "-Infinity"]},
        "p": "a",
    }


def test_json_prints_the_document_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(Context(json=True))
    output.say("done")
    output.line("asked")
    output.document({"name": "\udc80模型"})
    assert json.loads(capsys.readouterr().out) == {"name": "\udc80模型"}


def test_text_leaves_the_document_out(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(Context())
    output.document({"a": 1})
    output.say("done")
    assert capsys.readouterr().out == "done\n"


def test_quiet_answers_only(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(Context(quiet=True))
    output.say("done")
    output.wait("waiting")
    output.line("asked")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("asked\n", "")
