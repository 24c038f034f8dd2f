"""Compressing files of every kind by themselves, with only what they need of memory."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv.compress import compress, compress_targets
from modelhub.dlv.decompress import decompress
from modelhub.dlv.inspect import inspect
from modelhub.errors import BadInputError, ConflictError, NotFoundError, UsageError


def kinds(path: Path) -> list[str]:
    return [entry["kind"] for entry in inspect(path).entries]


def test_every_kind_comes_back(every_kind: dict[str, Path], tmp_path: Path) -> None:
    for name, source in every_kind.items():
        target, back = tmp_path / f"{name}.mhz", tmp_path / f"back-{name}"
        made = compress(source, target)
        sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
        assert (made.sha256, made.logical_bytes) == (sha256, source.stat().st_size)
        assert made.stored_bytes == target.stat().st_size
        assert made.note == ""
        assert decompress(target, back).sha256 == sha256
        assert back.read_bytes() == source.read_bytes()
        assert kinds(target)[-2:] == ["recipe", "tree"]
        weights = name not in ("none.safetensors", "notes.txt", "nothing")
        detached = name in ("packed.npz", "swapped.npy")
        assert ("tensor" in kinds(target)) == (weights and not detached)


def test_tied_and_equal_tensors_are_stored_once(
    every_kind: dict[str, Path], tmp_path: Path
) -> None:
    array = np.random.default_rng(0).standard_normal(30_000)
    np.savez(tmp_path / "equal.npz", a=array, b=array, c=array.copy())
    made = compress(tmp_path / "equal.npz", tmp_path / "t")
    assert made.stored_bytes < array.nbytes * 1.01
    assert kinds(tmp_path / "t").count("tensor") == 1
    for name in ("zip.pt", "legacy.pth"):
        compress(every_kind[name], tmp_path / name)
        # One storage under four names, and a counter.
        assert kinds(tmp_path / name).count("tensor") == 2


@pytest.mark.parametrize("name", ["bad.safetensors", "bad.npz", "bad.pt", "pointer.safetensors"])
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    source.write_bytes(pointer if "pointer" in name else b"no weights " * 50)
    made = compress(source, tmp_path / "t")
    assert made.kind == "file"
    assert made.note.startswith(str(source))
    decompress(tmp_path / "t", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_a_long_file_is_cut_into_blobs(tmp_path: Path) -> None:
    source = tmp_path / "f"
    source.write_bytes(np.random.default_rng(0).bytes((16 << 20) + 5) + bytes(100))
    made = compress(source, tmp_path / "t", threads=1)
    assert kinds(tmp_path / "t") == ["blob", "blob", "recipe", "tree"]
    assert made.stored_bytes < made.logical_bytes + 10_000
    decompress(tmp_path / "t", tmp_path / "back", threads=1)
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("way", ["touched", "longer", "shorter"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, way: str) -> None:
    source = tmp_path / "f.npz"
    np.savez(source, **{f"a{n}": np.random.default_rng(n).standard_normal(999) for n in range(9)})

    def change(done: int, total: int) -> None:
        if way == "touched":
            os.utime(source, ns=(0, 0))
        else:
            os.truncate(source, total + 1 if way == "longer" else total // 2)

    with pytest.raises(ConflictError, match="changed") as caught:
        compress(source, tmp_path / "t", progress=change)
    assert (caught.value.where, caught.value.kind) == (str(source), "conflict")
    assert os.listdir(tmp_path) == ["f.npz"]


@pytest.mark.parametrize("mode", [0o600, 0o440, 0o640])
def test_what_is_made_of_a_private_file_is_private(tmp_path: Path, mode: int) -> None:
    source = tmp_path / "f"
    source.write_bytes(b"secret")
    source.chmod(mode)
    compress(source, tmp_path / "t")
    decompress(tmp_path / "t", tmp_path / "back")
    modes = {(tmp_path / name).stat().st_mode & 0o777 for name in ("t", "back")}
    assert modes == {mode & ~_umask()}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_preset_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="dense"):
        compress(tmp_path / "f", tmp_path / "t", preset="tiny")


def test_targets(every_kind: dict[str, Path], tmp_path: Path) -> None:
    source = every_kind["notes.txt"]
    assert compress_targets([source]) == [source.with_name("notes.txt.mhz")]
    with pytest.raises(NotFoundError):
        compress_targets([source, tmp_path / "none"])
    with pytest.raises(BadInputError):
        compress_targets([tmp_path])
    compress(source, source.with_name("notes.txt.mhz"))
    with pytest.raises(ConflictError):
        compress_targets([source])
    with pytest.raises(BadInputError, match="decompress"):
        compress_targets([source.with_name("notes.txt.mhz")])


MEMORY = """
import sys
from pathlib import Path
from modelhub.dlv.compress import compress
from modelhub.dlv.decompress import decompress

source, target, back = map(Path, sys.argv[1:])
compress(source, target, threads=2)
decompress(target, back, threads=2)
# Not ru_maxrss: that begins with the memory of the process that started this one.
status = Path("/proc/self/status").read_text()
print(status.partition("VmHWM:")[2].split()[0])
"""


def peak_kib(folder: Path, tensors: int) -> int:
    source = folder / f"{tensors}.npz"
    random = np.random.default_rng(0)
    np.savez(source, **{f"w{n}": random.random(1 << 19) for n in range(tensors)})
    words = [str(source), str(folder / "t"), str(folder / "back")]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, *words], check=True, capture_output=True, text=True
    )
    assert (folder / "back").read_bytes() == source.read_bytes()
    return int(done.stdout)


def test_memory_is_that_of_the_largest_tensor(tmp_path: Path) -> None:
    """Tensors of 4 MiB each: forty of them take no more than three."""
    few, many = peak_kib(tmp_path, 3), peak_kib(tmp_path, 40)
    assert many - few < 16 << 10
