"""`compress` and `decompress` where no session can show it: failures among several, interrupts."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from modelhub.cli.main import main

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "modelhub"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
_NOBODY = 65534


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).standard_normal((300, 100)).astype(np.float32)
    np.savez(tmp_path / "w.npz", a=values, b=values * 3)
    (tmp_path / "note.txt").write_text("text\n" * 1000)
    return tmp_path


def sha256(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_documents(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compress", "w.npz", "note.txt", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["files"]
    assert made == [
        {
            "source": name,
            "target": f"{name}.mhz",
            "kind": kind,
            "logical_bytes": os.path.getsize(name),
            "stored_bytes": os.path.getsize(f"{name}.mhz"),
            "sha256": sha256(name),
            "note": "",
        }
        for name, kind in (("w.npz", "npz"), ("note.txt", "file"))
    ]
    os.mkdir("out")
    assert main(["--json", "decompress", "w.npz.mhz", "note.txt.mhz", "-o", "out"]) == 0
    back = json.loads(capsys.readouterr().out)["files"]
    assert back == [
        {
            "source": f"{name}.mhz",
            "target": f"out/{name}",
            "bytes": os.path.getsize(name),
            "sha256": sha256(f"out/{name}"),
        }
        for name in ("w.npz", "note.txt")
    ]
    assert [file["sha256"] for file in back] == [file["sha256"] for file in made]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compress", "w.npz", "-q"]) == 0
    assert main(["decompress", "w.npz.mhz", "-o", "back", "-q"]) == 0
    assert capsys.readouterr() == ("", "")


def test_what_can_be_known_is_checked_before_the_first_is_written(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "x.mhz").write_bytes(b"no pack")
    before = sorted(os.listdir(work))
    assert main(["compress", "w.npz", "none"]) == 3
    assert main(["compress", "w.npz", "note.txt", "-o", "none/"]) == 3
    assert main(["compress", "note.txt", "-q"]) == 0
    os.rename("note.txt.mhz", "n.mhz")
    os.mkdir("out")
    assert main(["decompress", "n.mhz", "x.mhz", "-o", "out"]) == 6
    assert os.listdir("out") == []
    assert sorted(os.listdir(work)) == sorted([*before, "n.mhz", "out"])
    assert capsys.readouterr().out == ""


def test_the_first_that_fails_ends_it(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is done before it stays, and has been told."""
    assert main(["compress", "note.txt", "w.npz", "-q"]) == 0
    data = bytearray((work / "w.npz.mhz").read_bytes())
    data[5000] ^= 1
    (work / "w.npz.mhz").write_bytes(data)
    os.mkdir("out")
    assert main(["decompress", "note.txt.mhz", "w.npz.mhz", "-o", "out"]) == 5
    captured = capsys.readouterr()
    assert captured.out.startswith("note.txt.mhz -> out/note.txt")
    assert captured.err.startswith("error: w.npz.mhz, entry ")
    assert os.listdir("out") == ["note.txt"]


def test_a_name_that_is_no_text(work: Path) -> None:
    name = os.fsdecode(b"na\xffme")
    (work / name).write_bytes(b"content")
    for words in (["compress", name], ["decompress", f"{name}.mhz", "-o", f"{name}2"]):
        done = subprocess.run([*COMMAND, *words], env=ENVIRONMENT, capture_output=True, check=True)
        assert b"na" in done.stdout
    assert (work / f"{name}2").read_bytes() == b"content"


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """Return a folder that may be read and not be written to; those above it can be entered."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield folder
        folder.chmod(0o755)


@pytest.mark.parametrize("verb", ["compress", "decompress"])
def test_a_folder_that_may_not_be_written_to(
    closed_folder: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compress", "w.npz", "-o", str(closed_folder / "w.mhz"), "-q"]) == 0
    source = closed_folder / "w.mhz"
    if verb == "compress":
        source = source.rename(closed_folder / "plain")
    closed_folder.chmod(0o555)
    before = os.listdir(closed_folder)
    root = os.geteuid() == 0
    if root:
        os.seteuid(_NOBODY)
    try:
        assert main([verb, str(source)]) == 7
    finally:
        if root:
            os.seteuid(0)
    target = closed_folder / ("plain.mhz" if verb == "compress" else "w.npz")
    assert capsys.readouterr().err.startswith(f"error: {target}: ")
    assert os.listdir(closed_folder) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_stopped_leaves_no_target(work: Path, number: int) -> None:
    random = np.random.default_rng(0)
    np.savez("large.npz", **{f"w{n}": random.random(1 << 20, np.float32) for n in range(40)})
    process = subprocess.Popen(
        [*COMMAND, "compress", "large.npz", "--preset", "dense"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not any(name.endswith(".tmp") for name in os.listdir(work)):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert b"Traceback" not in errors
    assert not (work / "large.npz.mhz").exists()
    left = [name for name in os.listdir(work) if name.endswith(".tmp")]
    assert len(left) == (0 if number == signal.SIGINT else 1)
