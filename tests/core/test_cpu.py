"""Whatever a processor can do, it writes the same bytes and reads the same values."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelhub import _core

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
LEVELS = ("scalar", "avx2", "avx512")
BELOW = LEVELS[: LEVELS.index(_core.cpu())]

# Reads all golden files, and says what each decodes to, alone and by planes.
READ = """
import hashlib, sys
from pathlib import Path
import numpy as np
from modelhub import _core
from modelhub.errors import ModelHubError
golden = Path(sys.argv[1])
print(_core.cpu())
for path in sorted((golden / "pack-v1").glob("*/*.pack")):
    try:
        reader = _core.PackReader(str(path))
        for i in range(reader.count):
            links = [(reader, i)]
            while (base := links[-1][0].entry(links[-1][1]).base) is not None:
                links.append((reader, reader.find(base)))
            for planes in range(1, reader.entry(i).width + 1):
                out = np.empty(reader.entry(i).raw_bytes, np.uint8)
                _core.decode(links, out, planes=planes)
                print(path.name, i, planes, hashlib.sha256(out).hexdigest())
    except ModelHubError as error:
        print(path.name, error.kind)
for path in sorted((golden / "blob-v1").glob("*/*.blob")):
    blob = path.read_bytes()
    try:
        out = np.empty(_core.blob_info(blob)["raw_bytes"], np.uint8)
        _core.decode_blob(blob, out)
        print(path.name, hashlib.sha256(out).hexdigest())
    except ModelHubError as error:
        print(path.name, error.kind)
"""


def run(cpu: str, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MODELHUB_CPU": cpu}
    done = subprocess.run(
        [sys.executable, *arguments],
        check=True, cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the best level of this machine writes, packs and blobs."""
    return _write(_core.cpu(), tmp_path_factory.mktemp("best"))


def _write(cpu: str, folder: Path) -> dict[str, bytes]:
    for which in ("pack-v1", "blob-v1"):
        run(cpu, str(GOLDEN / which / "generate.py"), str(folder / which))
    return contents(folder)


@pytest.mark.parametrize("cpu", BELOW)
def test_every_level_writes_the_same_bytes(
    written: dict[str, bytes], cpu: str, tmp_path: Path
) -> None:
    here = _write(cpu, tmp_path)
    assert here.keys() == written.keys()
    assert [name for name in here if here[name] != written[name]] == []


@pytest.mark.parametrize("cpu", BELOW)
def test_every_level_reads_the_same_values(cpu: str) -> None:
    best = run(_core.cpu(), "-c", READ, str(GOLDEN)).splitlines()
    here = run(cpu, "-c", READ, str(GOLDEN)).splitlines()
    assert (best[0], here[0]) == (_core.cpu(), cpu)
    assert len(here) > 200
    assert here[1:] == best[1:]


@pytest.mark.parametrize("cpu", ["sse", "AVX2", "avx512 "])
def test_unknown_levels_are_refused(cpu: str) -> None:
    program = (
        "from modelhub import codec\nfrom modelhub.errors import UsageError\n"
        "try:\n    codec.encode(b'abc')\nexcept UsageError as error:\n    print(error)\n"
    )
    assert f"MODELHUB_CPU={cpu}" in run(cpu, "-c", program)
