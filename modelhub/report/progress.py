"""Show how far a long operation is, on a terminal only and only when it takes over a second."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self, TextIO

from modelhub.report.human import count, duration, rate, size
from modelhub.report.terminal import width_of
from modelhub.report.text import cells, glyphs_for, shorten

__all__ = ["Progress"]

# Most operations end within a second; a bar that flashes up for them is noise.
_DELAY_SECONDS = 1.0
# Ten pictures a second look smooth and cost nothing.
_INTERVAL_SECONDS = 0.1
_BAR_WIDTH = 16


class Progress:
    """A progress bar; call it with the bytes done and in total. Leaving the context clears it."""

    def __init__(
        self, what: str, stream: TextIO, enabled: bool = True, *, counted: str = ""
    ) -> None:
        """Take a verb such as `committing`; the bar stays away where `stream` is no terminal.

        Args:
            counted: What is counted instead of bytes, such as `examples`.
        """
        self._counted = counted
        self._what = what
        self._stream = stream
        self._enabled = enabled and stream.isatty()
        self._begin = time.monotonic()
        self._next = self._begin + _DELAY_SECONDS
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        """Tell how far it is; draws when it is time to."""
        now = time.monotonic()
        if not self._enabled or now < self._next:
            return
        self._next = now + _INTERVAL_SECONDS
        self._shown = True
        self._stream.write("\r\x1b[K" + self._picture(done, total, now - self._begin))
        self._stream.flush()

    def _picture(self, done: int, total: int, seconds: float) -> str:
        glyphs = glyphs_for(self._stream.encoding)
        # One column stays free, or some terminals break the line.
        width = width_of(self._stream) - 1
        part = min(done / total, 1.0) if total > 0 else 1.0
        full = int(part * _BAR_WIDTH)
        bar = glyphs.full * full + glyphs.empty * (_BAR_WIDTH - full)
        left = duration(seconds / part - seconds) + " left" if part > 0 else ""
        numbers = f"{part:4.0%}  {self._numbers(done, total, seconds)}"
        for text in (
            f"{self._what}  {bar} {numbers}  {left}",
            f"{self._what}  {bar} {part:4.0%}",
            f"{self._what} {part:4.0%}",
        ):
            if cells(text) <= width:
                return text
        return shorten(f"{part:4.0%}", width, "")

    def _numbers(self, done: int, total: int, seconds: float) -> str:
        if self._counted:
            return f"{count(done)} of {count(total)} {self._counted}"
        return f"{size(done)} of {size(total)}  {rate(done, seconds)}"

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._shown:
            self._shown = False
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Clear the bar, whatever happened."""
        self.close()
