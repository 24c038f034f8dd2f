from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from bench.progressive_link import Link, served

DATA = bytes(range(256)) * 300


def _get(url: str, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers=headers or {}, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.status, answer.read()


def test_files_and_ranges_come_through_and_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "pack").write_bytes(DATA)
    link = Link(1e9)
    with served(tmp_path, link) as url:
        assert _get(f"{url}/a/pack") == (200, DATA)
        assert link.sent == len(DATA)
        assert _get(f"{url}/a/pack", {"Range": "bytes=7-19"}) == (206, DATA[7:20])
        assert _get(f"{url}/a/pack", {"Range": "bytes=70000-"}) == (206, DATA[70000:])
        assert link.sent == 2 * len(DATA) - 70000 + 13
        assert _get(f"{url}/a/pack", method="HEAD") == (200, b"")
        assert link.requests == 4
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _get(f"{url}/none")


def test_bytes_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("bench.progressive_link.time.sleep", waited.append)
    link = Link(1000.0, 0.5)
    link.begin()
    link.pass_(2000)
    link.pass_(1000)
    # The second answer waits for the first: they share the link.
    assert waited == [0.5, pytest.approx(2.0, abs=0.1), pytest.approx(3.0, abs=0.1)]
