"""Serve a folder by HTTP, with or without ranges, and count what is sent."""

from __future__ import annotations

import contextlib
import http.server
import math
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Served", "serve"]


@dataclass
class Served:
    """A folder that is served: its URL, and the (name, begin, end) of bodies that were sent.

    Ranges are known up to so many bodies.
    """

    folder: Path
    url: str
    ranges_until: float
    sent: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(end - begin for _, begin, end in self.sent)

    def sent_twice(self) -> bool:
        """Say whether any byte went out more than once."""
        ends: dict[str, int] = {}
        for name, begin, end in sorted(self.sent):
            if begin < ends.get(name, 0):
                return True
            ends[name] = end
        return False


@contextlib.contextmanager
def serve(folder: Path, *, ranges: bool = True) -> Iterator[Served]:
    """Serve the companions in a folder until the end of the block."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            path = folder / Path(self.path).name
            if not path.is_file():
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            data = path.read_bytes()
            begin, end = 0, len(data)
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if asked and len(served.sent) < served.ranges_until:
                begin, end = int(asked[1]), min(int(asked[2]) + 1, len(data))
                if begin >= len(data):
                    self.send_response(416)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(end - begin))
            self.end_headers()
            if body:
                if path.suffix == ".low":
                    served.sent.append((path.name, begin, end))
                self.wfile.write(data[begin:end])

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}/cold"
    served = Served(folder, url, math.inf if ranges else 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
