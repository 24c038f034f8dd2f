"""Read a folder of images, a folder for each class, with Pillow (extra `data`).

Classes are the subfolders, numbered in the order of their names from 0; images of a class come in
the order of theirs. Hidden files, and files whose suffix is not one of `SUFFIXES`, are passed over.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelhub.data.columns import Array, Column, refuse
from modelhub.errors import BadInputError, NotFoundError
from modelhub.fs import files
from modelhub.optional import require

__all__ = ["FITS", "SUFFIXES", "Images", "image_files"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")

# How an image of another size becomes one of the size wanted.
FITS = ("crop", "stretch")

# Channels of the input, and Pillow's mode for so many.
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# Modes with more than 8 bits for a value: a conversion would cut them off.
_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")


class Images:
    """A folder of images as columns `x` (uint8, channels x height x width) and `y`.

    Args:
        shape: Channels (1 for grey, 3 for RGB, 4 with alpha), height and width wanted.
        fit: `crop` scales the shorter side to fit and cuts the middle out, `stretch` scales each
            side by itself; None refuses an image of another size.

    Raises:
        BadInputError: there is no folder of a class, or no image.
        ModelHubError: kind `missing_extra`, Pillow is not installed.
    """

    kind = "images"

    def __init__(self, path: Path, shape: tuple[int, int, int], fit: str | None = None) -> None:
        self.where = str(path)
        self._image: Any = require("PIL.Image", "data")
        self._shape, self._fit = shape, fit
        if shape[0] not in _MODES:
            refuse(self, f"an input of {shape[0]} channels", "1, 3 or 4 for images", "bad_shape")
        found = image_files(path)
        self.classes: Sequence[str] = tuple(found)
        self._files = [(number, file) for number, key in enumerate(found) for file in found[key]]
        if not self._files:
            refuse(
                self,
                "no images",
                f"a folder for each class with files such as {', '.join(SUFFIXES[:3])} in it",
                "bad_input",
            )
        count = len(self._files)
        self.columns = {
            "x": Column("x", "uint8", shape, count),
            "y": Column("y", "int64", (), count),
        }

    def rows(self, names: Sequence[str], size: int) -> Iterator[Mapping[str, Array]]:
        """Yield batches; see `data.columns.Source`."""
        for begin in range(0, len(self._files), size):
            here = self._files[begin : begin + size]
            batch: dict[str, Array] = {}
            if "x" in names:
                batch["x"] = np.stack([self._read(file) for _, file in here])
            if "y" in names:
                batch["y"] = np.array([number for number, _ in here], np.int64)
            yield batch

    def _read(self, path: Path) -> Array:
        channels, height, width = self._shape
        try:
            with self._image.open(path) as opened:
                if opened.mode in _DEEP:
                    raise BadInputError(
                        f"an image of mode {opened.mode}, with more than 8 bits for a value",
                        expected="8 bits",
                        where=str(path),
                        hint="make an npz of such images",
                        kind="bad_dtype",
                    )
                image = opened.convert(_MODES[channels])
        except (OSError, ValueError, SyntaxError, self._image.DecompressionBombError) as error:
            raise BadInputError(
                f"it cannot be read ({error})", expected="an image", where=str(path)
            ) from error
        if image.size != (width, height):
            image = self._fitted(image, path)
        values = np.asarray(image, np.uint8).reshape(height, width, channels)
        return np.ascontiguousarray(values.transpose(2, 0, 1))

    def _fitted(self, image: Any, path: Path) -> Any:
        _, height, width = self._shape
        if self._fit is None:
            raise BadInputError(
                f"an image {image.size[0]} wide and {image.size[1]} high",
                expected=f"{width} and {height}, the size of the network's input",
                where=str(path),
                hint="let images be scaled with --resize crop or --resize stretch",
                kind="bad_shape",
            )
        bilinear = self._image.Resampling.BILINEAR
        if self._fit == "stretch":
            return image.resize((width, height), bilinear)
        scale = max(width / image.size[0], height / image.size[1])
        wide, high = (
            max(round(side * scale), low)
            for side, low in zip(image.size, (width, height), strict=True)
        )
        left, top = (wide - width) // 2, (high - height) // 2
        scaled = image.resize((wide, high), bilinear)
        return scaled.crop((left, top, left + width, top + height))

    def close(self) -> None:
        """Do nothing: images are open while they are read."""


def image_files(path: Path) -> dict[str, list[Path]]:
    """Return the images of each class by the name of its folder, in order.

    Raises:
        NotFoundError: there is no such folder.
        BadInputError: it has no subfolders.
    """
    if not files.exists(path):
        raise NotFoundError("no such folder", where=str(path))
    found: dict[str, list[Path]] = {}
    for name in files.list_dir(path):
        folder = path / name
        if name.startswith(".") or not stat.S_ISDIR(files.file_stat(folder).st_mode):
            continue
        found[name] = [
            folder / file
            for file in files.list_dir(folder)
            if not file.startswith(".") and os.path.splitext(file)[1].lower() in SUFFIXES
        ]
    if not found:
        raise BadInputError(
            "a folder without subfolders",
            expected="one subfolder of images for each class",
            where=str(path),
        )
    return found
