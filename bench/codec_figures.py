"""Find measurements by what was measured, and lay them out as a table, for people and for files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench import codec_peers
from bench.codec_chain import ChainMeasured
from bench.codec_measured import MB, Measured

__all__ = ["Figures", "table", "write_markdown", "write_sizes"]

_HEAD = ("coder", "saved %", "by tensor %", "in MB/s", "out MB/s", "2 threads in", "out")
_THREADS_SHOWN = 2


class Figures:
    """All measurements of a run, by input, coder, threads and instruction level."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int, str], Measured] = {}
        self.chain: ChainMeasured | None = None

    def add(self, found: Iterable[Measured]) -> None:
        """Take measurements in."""
        for one in found:
            self._found[one.source, one.coder, one.threads, one.level] = one

    def get(self, source: str, coder: str, threads: int = 1, level: str = "") -> Measured | None:
        """Return a measurement; nothing if it was not made or failed."""
        one = self._found.get((source, coder, threads, level))
        return None if one is None or one.failure else one

    def sources(self) -> list[str]:
        """Return the inputs measured, in order."""
        return list(dict.fromkeys(key[0] for key in self._found))

    def of(self, source: str, threads: int, level: str = "") -> list[Measured]:
        """Return what was measured on an input, failures too."""
        keys = self._found.items()
        return [one for key, one in keys if key[0] == source and key[2:] == (threads, level)]

    def failures(self) -> list[str]:
        """Return a line for each coder and way that it failed, with all inputs it failed on."""
        found: dict[str, list[str]] = {}
        for one in self._found.values():
            if one.failure:
                sources = found.setdefault(f"{one.coder}: {one.failure}", [])
                if one.source not in sources:
                    sources.append(one.source)
        return [f"{failed} (on {', '.join(sources)})" for failed, sources in found.items()]

    def best_peer(self, source: str, without: str = "") -> Measured | None:
        """Return the peer that saved most on an input, leaving one out."""
        peers = [
            one
            for one in self.of(source, 1)
            if not one.failure and codec_peers.is_peer(one.coder) and one.coder != without
        ]
        return max(peers, key=lambda one: one.saved, default=None)


def _cell(number: float, digits: int) -> str:
    return f"{number:.{digits}f}" if number else ""


def _rows(figures: Figures, source: str) -> Iterator[tuple[str, ...]]:
    found = figures.of(source, 1) or figures.of(source, _THREADS_SHOWN)
    for one in sorted(found, key=lambda one: -one.saved):
        two = figures.get(source, one.coder, _THREADS_SHOWN)
        if one.failure:
            yield (one.coder, f"FAILED: {one.failure}", *[""] * (len(_HEAD) - 2))
            continue
        yield (
            one.coder,
            f"{one.saved:.2f}",
            _cell(one.tensor_saved, 2),
            _cell(one.encode_mb_s, 0) if one.threads == 1 else "",
            _cell(one.decode_mb_s, 0) if one.threads == 1 else "",
            _cell(two.encode_mb_s, 0) if two else "",
            _cell(two.decode_mb_s, 0) if two else "",
        )


def _title(figures: Figures, source: str) -> str:
    sizes = [one.raw_bytes for one in figures.of(source, 1) + figures.of(source, _THREADS_SHOWN)]
    return f"{source}, {max(sizes) / MB:.1f} MB"


def table(figures: Figures) -> str:
    """Return the measurements as text, an input after the other, the smallest result first."""
    lines: list[str] = []
    for source in figures.sources():
        rows = [_HEAD, *_rows(figures, source)]
        widths = [max(len(row[0]) for row in rows)]
        # A failure's text may run on over the empty cells beside it.
        plain = [row for row in rows if not row[1].startswith("FAILED")]
        widths += [max(len(row[column]) for row in plain) for column in range(1, len(_HEAD))]
        lines += ["", _title(figures, source)]
        for row in rows:
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def write_markdown(figures: Figures, path: Path, heading: list[str], bars: list[str]) -> None:
    """Write the same as a Markdown document, with the machine above and the bars below."""
    lines = ["# The codec beside its peers", "", *heading]
    for source in figures.sources():
        lines += ["", f"## {_title(figures, source)}", ""]
        lines += [f"| {' | '.join(_HEAD)} |", "|---" + "|---:" * (len(_HEAD) - 1) + "|"]
        lines += [f"| {' | '.join(row)} |" for row in _rows(figures, source)]
    lines += ["", "## Bars", "", *(f"- {bar}" for bar in bars), ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def write_sizes(figures: Figures, path: Path) -> None:
    """Write the sizes in bytes as CSV, which no other load on the machine moves."""
    with path.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["input", "coder", "raw_bytes", "packed_bytes", "tensor_bytes"])
        for source in figures.sources():
            for one in figures.of(source, 1) or figures.of(source, _THREADS_SHOWN):
                if not one.failure:
                    sizes = (one.raw_bytes, one.packed_bytes, one.tensor_bytes or "")
                    rows.writerow([source, one.coder, *sizes])
