"""The layers of csrc: every include points down, Python stays in the bindings, names are unique."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

CSRC = Path(__file__).resolve().parents[2] / "csrc"
# Lowest first; layers of one row may not include each other.
LAYERS = [{"base"}, {"codec", "archival"}, {"pack"}, {"chain"}, {"progressive"}]
HEIGHT = {layer: height for height, row in enumerate(LAYERS) for layer in row}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)
SOURCES = sorted(path for path in CSRC.rglob("*") if path.suffix in {".cc", ".h"})


def layer_of(path: str) -> str | None:
    parts = path.split("/")
    return parts[1] if parts[0] == "mh" else None


def test_there_are_sources() -> None:
    assert len(SOURCES) > 20
    assert {path.relative_to(CSRC).parts[0] for path in SOURCES} == {"mh", "bindings"}


def test_includes_point_down() -> None:
    breaks = []
    for source in SOURCES:
        name = str(source.relative_to(CSRC))
        own = layer_of(name)
        for mark, target in INCLUDE.findall(source.read_text()):
            if own is None or mark == "<":
                continue
            other = layer_of(target)
            if other is None or (other != own and HEIGHT[other] >= HEIGHT[own]):
                breaks.append(f"{name} includes {target}")
    assert breaks == []


def test_no_python_below_the_bindings() -> None:
    breaks = [
        f"{source.relative_to(CSRC)}: {word}"
        for source in SOURCES
        if source.relative_to(CSRC).parts[0] == "mh"
        for word in ("Python.h", "pybind11", "Py_", "namespace py")
        if word in source.read_text()
    ]
    assert breaks == []


def test_quoted_includes_exist() -> None:
    for source in SOURCES:
        for mark, target in INCLUDE.findall(source.read_text()):
            if mark == '"':
                assert (CSRC / target).is_file(), f"{source}: {target}"


def test_file_names_are_unique() -> None:
    counts = Counter(path.name for path in SOURCES)
    assert [name for name, count in counts.items() if count > 1] == []


def test_nothing_throws_below_the_bindings() -> None:
    for source in SOURCES:
        if source.relative_to(CSRC).parts[0] == "mh":
            assert not re.search(r"\bthrow\b(?!,|;? *$)", re.sub(r"//.*", "", source.read_text()))


def test_each_codec_is_a_folder_with_a_spec() -> None:
    for folder in (CSRC / "mh" / "codec").iterdir():
        if folder.is_dir():
            assert (folder / "spec.md").is_file(), folder.name


def test_sources_are_small() -> None:
    assert [path.name for path in SOURCES if len(path.read_text().splitlines()) > 500] == []
