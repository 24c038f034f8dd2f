"""Serve a folder by HTTP as slowly as a link of so many bytes a second does."""

from __future__ import annotations

import functools
import http.server
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

__all__ = ["Link", "served"]

# Sent at once; what a link of 10 MB/s takes 1.6 ms for.
_CHUNK = 16_384
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(slots=True)
class Link:
    """What all connections share.

    Attributes:
        rate: Bytes a second; answers take turns.
        latency: Seconds before each answer begins.
        sent: Bytes of bodies sent so far.
        requests: Answers given so far.
    """

    rate: float
    latency: float = 0.0
    sent: int = 0
    requests: int = 0
    _free: float = 0.0
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """Wait for as long as an answer takes to begin."""
        with self._mutex:
            self.requests += 1
        time.sleep(self.latency)

    def pass_(self, count: int) -> None:
        """Wait until so many bytes have gone through."""
        with self._mutex:
            self._free = max(self._free, time.perf_counter()) + count / self.rate
            self.sent += count
            until = self._free
        time.sleep(max(0.0, until - time.perf_counter()))


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Sends files or one range of them."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: object, link: Link, **words: object) -> None:
        self._link = link
        super().__init__(*arguments, **words)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        self._link.begin()
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        size = path.stat().st_size
        begin, end = 0, size
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if asked:
            begin, end = int(asked[1]), min(size, int(asked[2] or size - 1) + 1)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        if body:
            self._send(path, begin, end)

    def _send(self, path: Path, begin: int, end: int) -> None:
        with path.open("rb") as file:
            file.seek(begin)
            while begin < end:
                data = file.read(min(_CHUNK, end - begin))
                self._link.pass_(len(data))
                self.wfile.write(data)
                begin += len(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path, link: Link) -> Iterator[str]:
    """Serve a folder through a link on this machine for the time of the block; yield its URL."""
    handler = functools.partial(_Handler, directory=str(folder), link=link)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
