from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelhub.dlv.metrics_log import LOG_BYTES_MAX, parse, parse_text
from modelhub.errors import BadInputError, NotFoundError


def test_csv() -> None:
    text = "epoch,loss,val_acc,note\n1,0.5,0.9,first\n2,0.25,,\n"
    assert parse_text(text, "log") == {
        "loss": [(1.0, 0.5), (2.0, 0.25)],
        "val_acc": [(1.0, 0.9)],
    }


@pytest.mark.parametrize("delimiter", [",", "\t", ";", ", "])
def test_delimiters(delimiter: str) -> None:
    text = f"step{delimiter}loss\n10{delimiter}0.5\n"
    assert parse_text(text, "log") == {"loss": [(10.0, 0.5)]}


def test_csv_without_step_counts() -> None:
    assert parse_text("loss\n3\n2\n\n1\n", "log") == {"loss": [(0.0, 3.0), (1.0, 2.0), (2.0, 1.0)]}


def test_csv_with_windows_lines_and_quotes() -> None:
    assert parse_text('"step","loss"\r\n1,"0.5"\r\n', "log") == {"loss": [(1.0, 0.5)]}


def test_csv_row_numbers_without_a_name() -> None:
    assert parse_text(",step,loss\n0,5,1.5\n", "log") == {"loss": [(5.0, 1.5)]}


def test_json_lines() -> None:
    text = '{"step": 1, "loss": 0.5, "eval": {"acc": 0.9}, "note": "x", "ok": true}\n\n'
    text += '{"step": 2, "loss": 0.25, "extra": null}\n'
    assert parse_text(text, "log") == {
        "loss": [(1.0, 0.5), (2.0, 0.25)],
        "eval.acc": [(1.0, 0.9)],
    }


def test_nan_and_infinity() -> None:
    for text in ("step,loss\n1,nan\n2,-inf\n", '{"loss": NaN}\n{"loss": -Infinity}\n'):
        values = [value for _, value in parse_text(text, "log")["loss"]]
        assert math.isnan(values[0])
        assert values[1] == -math.inf


def test_step_key_is_found_in_any_case_and_order() -> None:
    assert parse_text("loss,Epoch,STEP\n1,2,30\n", "log") == {
        "loss": [(30.0, 1.0)],
        "Epoch": [(30.0, 2.0)],
    }


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "log"),
        ("  \n", "log"),
        ("step,loss\n1,0.5\n2,oops\n", "line 3"),
        ("step,loss\n1,0.5\n2,0.1,7\n", "line 3"),
        ("1,2\n3,4\n", "line 1"),
        ("loss,loss\n1,2\n", "line 1"),
        ("a,b\nx,y\n", "log"),
        ('{"loss": 1}\n{"loss":\n', "line 2"),
        ('{"loss": 1}\n[1]\n', "line 2"),
        ('{"loss": ' + "9" * 5000 + "}\n", "line 1"),
        ('{"a":' * 100_000 + "\n", "line 1"),
        ('step,loss\n1,"' + "x" * 200_000 + '"\n', "line 2"),
    ],
)
def test_errors_name_the_line(text: str, where: str) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_text(text, "log")
    assert where in caught.value.where


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("\ufeffstep,loss\n1,2\n", encoding="utf-8")
    assert parse(path) == {"loss": [(1.0, 2.0)]}


def test_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"loss\n\xff\xfe\n")
    with pytest.raises(BadInputError, match="UTF-8"):
        parse(path)


def test_file_that_is_missing_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        parse(tmp_path / "none.csv")
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(LOG_BYTES_MAX + 1)
    with pytest.raises(BadInputError, match="at most"):
        parse(path)


numbers = st.floats(width=64)


@given(st.lists(st.tuples(st.integers(0, 10**9), numbers), min_size=1))
def test_csv_round_trip(points: list[tuple[int, float]]) -> None:
    text = "step,loss\n" + "".join(f"{step},{value!r}\n" for step, value in points)
    found = parse_text(text, "log")["loss"]
    for (step, value), (found_step, found_value) in zip(points, found, strict=True):
        assert step == found_step
        assert value == found_value or (math.isnan(value) and math.isnan(found_value))
