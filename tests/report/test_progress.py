from __future__ import annotations

import io
import os
import pty
import time

from modelhub.report.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise io.UnsupportedOperation


def test_silent_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with Progress("committing", stream) as progress:
        progress._begin -= 10
        progress._next -= 10
        progress(1, 2)
    assert stream.getvalue() == ""


def test_silent_within_the_first_second() -> None:
    stream = _Terminal()
    with Progress("committing", stream) as progress:
        progress(1, 2)
    assert stream.getvalue() == ""


def test_drawn_on_a_terminal_and_cleared() -> None:
    stream = _Terminal()
    with Progress("committing", stream) as progress:
        progress._begin -= 10
        progress._next -= 10
        progress(50_000_000, 100_000_000)
    text = stream.getvalue()
    assert "committing" in text
    assert " 50%" in text
    assert "50.0 MB of 100 MB" in text
    assert text.endswith("\r\x1b[K")


def test_what_is_counted_is_no_bytes() -> None:
    stream = _Terminal()
    with Progress("evaluating", stream, counted="examples") as progress:
        progress._begin -= 10
        progress._next -= 10
        progress(50, 2000)
    assert "50 of 2.00k examples" in stream.getvalue()
    assert "B/s" not in stream.getvalue()


def test_drawn_at_most_ten_times_a_second() -> None:
    stream = _Terminal()
    with Progress("committing", stream) as progress:
        progress._next = time.monotonic() - 10
        for done in range(1000):
            progress(done, 1000)
    assert stream.getvalue().count("committing") < 20


def test_fits_a_real_narrow_terminal() -> None:
    leader, follower = pty.openpty()
    os.set_inheritable(follower, False)
    with os.fdopen(follower, "w", encoding="utf-8") as stream:
        progress = Progress("committing", stream)
        progress._begin -= 10
        progress._next -= 10
        progress(0, 0)
        progress.close()
        assert b"100%" in os.read(leader, 4096)
    os.close(leader)
