from __future__ import annotations

from pathlib import Path

import pytest

from demo_steps.shell import CommandFailedError, Shell


def test_shows_the_command_and_its_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a file").write_text("content\n")
    Shell(tmp_path).run("cat", "a file")
    assert capfd.readouterr().out == "\n$ cat 'a file'\ncontent\n"


def test_long_command_is_broken_before_an_option(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Shell(tmp_path).run("true", *(word for i in range(4) for word in (f"--option-{i}", "x" * 20)))
    lines = capfd.readouterr().out.strip().splitlines()
    assert len(lines) > 1
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert all(line.startswith("    --option") for line in lines[1:])
    assert max(map(len, lines)) <= 80


def test_a_failing_command_stops_the_story(tmp_path: Path) -> None:
    with pytest.raises(CommandFailedError, match="status 1"):
        Shell(tmp_path).run("false")


def test_compares_bytes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(text)
    shell = Shell(tmp_path)
    assert shell.same("a", "b")
    assert not shell.same("a", "c")
    assert "# NOT IDENTICAL" in capfd.readouterr().out


def test_a_program_is_shown_and_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shell = Shell(tmp_path)
    shell.python("print(6 * 7)\n")
    assert capfd.readouterr().out == "\n$ python <<'end'\nprint(6 * 7)\nend\n42\n"
    with pytest.raises(CommandFailedError, match="status 3"):
        shell.python("raise SystemExit(3)\n")


def test_the_last_line_of_a_word_is_what_an_option_must_fit_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Shell(tmp_path).run("true", "x" * 60 + "\n" + "y" * 60, "--save")
    assert capfd.readouterr().out.endswith("y' --save\n")
