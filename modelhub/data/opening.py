"""Open a data set by what its path is."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from modelhub.data.columns import Source
from modelhub.data.images import Images
from modelhub.data.npz import Npz
from modelhub.data.parquet import Parquet
from modelhub.data.safetensors import Safetensors
from modelhub.errors import BadInputError
from modelhub.fs import files

__all__ = ["is_folder", "open_data"]

_READERS: dict[str, Callable[[Path], Source]] = {
    ".npz": Npz,
    ".safetensors": Safetensors,
    ".parquet": Parquet,
}


def is_folder(path: Path) -> bool:
    """Say whether a path is a folder, links followed.

    Raises:
        NotFoundError: there is nothing.
    """
    return stat.S_ISDIR(files.file_stat(path).st_mode)


def open_data(
    path: Path, shape: tuple[int, int, int] | None = None, fit: str | None = None
) -> Source:
    """Open a data set; close it after use.

    Args:
        shape: Channels, height and width of images, which a folder of images needs.
        fit: How images of another size are made fit, one of `data.images.FITS`.

    Raises:
        NotFoundError: there is nothing at the path.
        BadInputError: it is no data set, or damaged.
        ModelHubError: kind `missing_extra`, a package for this kind of data is not installed.
    """
    if is_folder(path):
        if shape is None:
            raise BadInputError(
                "a folder of images for a network whose input is none",
                expected="an input of shape (N, channels, height, width)",
                where=str(path),
                hint="if its height and width are free, give them with --image-size HxW",
                kind="bad_shape",
            )
        return Images(path, shape, fit)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadInputError(
            f"a file with the suffix {path.suffix or '(none)'}",
            expected=f"{', '.join(_READERS)} or a folder of images",
            where=str(path),
        )
    return reader(path)
