"""Make a compressed file of a file, without any repository; `dlv.decompress` undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelhub import containers
from modelhub.codec.presets import PRESETS
from modelhub.containers.model import Parsed
from modelhub.dlv import targets
from modelhub.dlv.progress import Progress, counter
from modelhub.errors import BadInputError, ConflictError, ModelHubError, UsageError
from modelhub.fs import files
from modelhub.fs.files import InputFile
from modelhub.pas import compressor
from modelhub.pas.compressed import SUFFIX

__all__ = ["Compressed", "compress", "compress_targets"]


@dataclass(frozen=True, slots=True)
class Compressed:
    """A compressed file as written; sizes in bytes, `sha256` is the original's.

    `kind` is the container whose tensors were stored one by one, or `file`; `note` says why a file
    that promises weights by its name was taken as a plain one.
    """

    source: Path
    target: Path
    kind: str
    logical_bytes: int
    stored_bytes: int
    sha256: str
    note: str = ""


def compress_targets(
    sources: Sequence[Path], out: str | None = None, *, force: bool = False
) -> list[Path]:
    """Return where the compressed file of each source goes; see `targets.choose`.

    Raises:
        NotFoundError: a source does not exist.
        BadInputError: a source is no regular file, or a compressed file already.
    """
    for source in sources:
        with InputFile(source):
            pass
        if source.suffix == SUFFIX:
            raise BadInputError(
                "a compressed file already",
                expected=f"a file whose name does not end in {SUFFIX}",
                where=str(source),
                hint=f"get the original back with `modelhub decompress {source}`",
            )
    return targets.choose(sources, out, lambda source: source.name + SUFFIX, force=force)


def compress(
    source: Path,
    target: Path,
    *,
    preset: str = "default",
    threads: int = 0,
    progress: Progress | None = None,
) -> Compressed:
    """Write the compressed file of a source, replacing what is at the target once it is whole.

    Args:
        preset: One of `codec.PRESETS`.
        threads: 0 for the cores at hand.

    Raises:
        ConflictError: the source changed while it was read; nothing is written.
    """
    if preset not in PRESETS:
        raise UsageError(f"preset {preset!r}", expected="one of " + ", ".join(PRESETS))
    with InputFile(source) as file, files.no_wider_than(files.file_stat(source).st_mode):
        try:
            parsed, note = _structure(source, file)
            step = counter(progress, file.size)
            done = compressor.write(
                file, parsed, target, preset=preset, threads=threads, progress=step
            )
        except ModelHubError as error:
            # However that shows: as another stamp at the end, or as bytes that are gone.
            if not file.changed():
                raise
            raise ConflictError(
                "the file changed while it was being read",
                where=str(source),
                hint="wait until it is written, then compress it again",
            ) from error
    return Compressed(
        source=source,
        target=target,
        kind=parsed.kind,
        logical_bytes=done.size,
        stored_bytes=files.file_stat(target).st_size,
        sha256=done.sha256.hex(),
        note=note,
    )


def _structure(source: Path, file: InputFile) -> tuple[Parsed, str]:
    """Parse the file; one that is not what its name says is taken as plain bytes, with a note."""
    try:
        return containers.parse(file, containers.detect(source, file)), ""
    except BadInputError as error:
        if error.kind == "truncated" and file.changed():
            raise
        return containers.parse(file, "file"), str(error)
