from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelhub import __version__
from modelhub.cli import main as main_module
from modelhub.cli.main import main
from modelhub.cli.verbs import VERBS
from modelhub.errors import CorruptionError

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "modelhub"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def _run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"modelhub {__version__}\n"


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_a_module_and_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(VERBS[name].module)
    assert module.__doc__.startswith(f"`modelhub {name}`")
    assert main([name, "--help"]) == 0
    assert "exit status:" in capsys.readouterr().out


@pytest.mark.parametrize("name", VERBS)
def test_unknown_option_of_a_verb(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--no-such-option"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_errors_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "lst"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["error"]["kind"] == "usage"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CorruptionError("damaged"), 5),
        (KeyboardInterrupt(), 130),
        (MemoryError(), 7),
        (PermissionError(13, "Permission denied", "a"), 7),
        (RecursionError(), 6),
        (ZeroDivisionError("a bug"), 70),
    ],
)
def test_no_error_ends_in_a_traceback(
    error: BaseException,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(words: list[str]) -> int:
        raise error

    monkeypatch.setattr(main_module, "_run", fail)
    monkeypatch.delenv("MODELHUB_TRACEBACK", raising=False)
    assert main(["list"]) == status
    text = capsys.readouterr().err
    assert "Traceback" not in text
    assert text


def test_traceback_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(words: list[str]) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(main_module, "_run", fail)
    monkeypatch.setenv("MODELHUB_TRACEBACK", "1")
    assert main(["list"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_reader_that_goes_away() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--help"], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(timeout=60) == 141
    assert errors == b""
    process.stderr.close()


def test_full_disk_under_the_output() -> None:
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            [*COMMAND, "--help"],
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert process.returncode == 7
    assert process.stderr.startswith("error: ")
    assert "Traceback" not in process.stderr


def test_closed_output() -> None:
    shell = f'"{sys.executable}" -m modelhub --help >&-'
    process = subprocess.run(
        ["sh", "-c", shell], env=ENVIRONMENT, capture_output=True, check=False, timeout=60
    )
    assert (process.returncode, process.stderr) == (0, b"")


def test_output_in_an_encoding_that_lacks_letters(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    process = subprocess.run(
        [*COMMAND, "-C", str(tmp_path), "inspect", "模型.npz"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 3
    assert "Traceback" not in process.stderr


def test_interrupted_while_waiting_for_the_lock(tmp_path: Path) -> None:
    assert _run("init", str(tmp_path)).returncode == 0
    file = tmp_path / "note.txt"
    file.write_text("text")
    holder = (
        "import sys, pathlib\n"
        "from modelhub.dlv.state import Repo\n"
        "with Repo.open(pathlib.Path(sys.argv[1])) as repo, repo.writer_lock():\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    held = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdout is not None
    assert held.stdout.readline() == b"held\n"
    waiting = subprocess.Popen(
        [*COMMAND, "-C", str(tmp_path), "gc"], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    # Killed if it neither waits nor says so: the test fails instead of hanging.
    guard = threading.Timer(60, waiting.kill)
    guard.start()
    assert waiting.stderr is not None
    said = waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    errors = waiting.stderr.read()
    assert waiting.wait(timeout=60) == 130
    guard.cancel()
    held.communicate()
    waiting.stderr.close()
    assert said
    assert "Traceback" not in errors


def test_start_up_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from modelhub.cli.main import main\n"
        "main(['--version'])\n"
        "heavy = {'numpy', 'rich', 'lmdb', 'torch', 'modelhub._core', 'ml_dtypes'}\n"
        "sys.exit(len(heavy & set(sys.modules)))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, check=False, timeout=60, capture_output=True
    )
    assert process.returncode == 0
