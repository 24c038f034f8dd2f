"""Folders of images are columns x and y; needs Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelhub.data.digest import facts_of
from modelhub.data.images import Images
from modelhub.errors import BadInputError, NotFoundError

pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def _folder(root: Path, shape: tuple[int, ...] = (6, 8, 3)) -> np.ndarray:
    """Write two images of each of two classes, and return their values."""
    values = np.random.default_rng(0).integers(0, 256, (4, *shape), np.uint8)
    for index, name in enumerate(("cat/1.png", "cat/2.PNG", "dog/1.png", "dog/2.bmp")):
        path = root / name
        path.parent.mkdir(exist_ok=True, parents=True)
        pil.fromarray(values[index]).save(path)
    (root / "cat" / "notes.txt").write_text("no image")
    (root / ".hidden").mkdir()
    return values


def test_images_and_classes(tmp_path: Path) -> None:
    values = _folder(tmp_path / "d")
    source = Images(tmp_path / "d", (3, 6, 8))
    assert tuple(source.classes) == ("cat", "dog")
    batches = list(source.rows(["x", "y"], 3))
    assert [len(batch["y"]) for batch in batches] == [3, 1]
    x = np.concatenate([batch["x"] for batch in batches])
    assert np.array_equal(x, values.transpose(0, 3, 1, 2))
    assert np.concatenate([batch["y"] for batch in batches]).tolist() == [0, 0, 1, 1]


def test_grey_images(tmp_path: Path) -> None:
    values = _folder(tmp_path / "d", (5, 5))
    found = next(iter(Images(tmp_path / "d", (1, 5, 5)).rows(["x"], 10)))["x"]
    assert np.array_equal(found, values[:, None])


def test_another_size_is_refused_unless_asked_for(tmp_path: Path) -> None:
    _folder(tmp_path / "d")
    with pytest.raises(BadInputError, match=r"8 wide and 6 high.*4 and 4.*--resize"):
        list(Images(tmp_path / "d", (3, 4, 4)).rows(["x"], 2))
    for fit in ("crop", "stretch"):
        found = next(iter(Images(tmp_path / "d", (3, 4, 4), fit).rows(["x"], 10)))["x"]
        assert found.shape == (4, 3, 4, 4)


def test_crop_takes_the_middle_and_stretch_takes_all(tmp_path: Path) -> None:
    image = np.zeros((4, 8), np.uint8)
    image[:, 2:6] = 200
    (tmp_path / "d" / "a").mkdir(parents=True)
    pil.fromarray(image).save(tmp_path / "d" / "a" / "1.png")
    crop = next(iter(Images(tmp_path / "d", (1, 4, 4), "crop").rows(["x"], 1)))["x"]
    assert (crop == 200).all()
    stretched = next(iter(Images(tmp_path / "d", (1, 4, 4), "stretch").rows(["x"], 1)))["x"]
    assert stretched.min() < 100


def test_bad_folders_and_files(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Images(tmp_path / "none", (1, 4, 4))
    (tmp_path / "flat").mkdir()
    with pytest.raises(BadInputError, match="subfolder"):
        Images(tmp_path / "flat", (1, 4, 4))
    (tmp_path / "flat" / "a").mkdir()
    with pytest.raises(BadInputError, match="no images"):
        Images(tmp_path / "flat", (1, 4, 4))
    (tmp_path / "flat" / "a" / "1.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(BadInputError, match=r"1\.png"):
        list(Images(tmp_path / "flat", (1, 4, 4)).rows(["x"], 1))
    with pytest.raises(BadInputError, match="2 channels"):
        Images(tmp_path / "flat", (2, 4, 4))


def test_deep_images_are_not_cut(tmp_path: Path) -> None:
    (tmp_path / "d" / "a").mkdir(parents=True)
    pil.fromarray(np.full((4, 4), 40_000, np.uint16)).save(tmp_path / "d" / "a" / "1.png")
    with pytest.raises(BadInputError, match="more than 8 bits"):
        list(Images(tmp_path / "d", (1, 4, 4)).rows(["x"], 1))


def test_the_digest_is_of_names_and_bytes(tmp_path: Path) -> None:
    _folder(tmp_path / "d")
    before = facts_of(tmp_path / "d")
    assert before == facts_of(tmp_path / "d")
    (tmp_path / "d" / "cat" / "1.png").rename(tmp_path / "d" / "cat" / "3.png")
    assert facts_of(tmp_path / "d").sha256 != before.sha256
