"""Split a pack where its size would not be worth it, so that files may be small."""

from __future__ import annotations

import hashlib
from pathlib import Path

from modelhub import _core
from modelhub.fs.files import InputFile, OutputFile
from modelhub.pas.split import companion_blocks, near_segments, write_near

PLANES = 2


def split(source: Path, target: Path) -> None:
    """Write a near file to `target` and its companion beside it; runs of any length are moved."""
    with _core.PackReader(str(source)) as reader:
        runs = []
        for entry in map(reader.entry, range(reader.count)):
            far = sum(entry.segment_bytes[near_segments(entry.width, PLANES) :])
            if far:
                runs.append((entry.offset + entry.stored_bytes - far, far))
        name, size = reader.name, reader.bytes
    with InputFile(source) as file:
        low = b"".join(companion_blocks(file, name, runs))
        target.with_suffix(".low").write_bytes(low)
        with OutputFile(target) as out:
            write_near(out, file, name, size, runs, hashlib.sha256(low).digest())
            out.commit()
