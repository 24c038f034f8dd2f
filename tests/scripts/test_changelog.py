from __future__ import annotations

from pathlib import Path

import pytest

import changelog

START = f"# Changelog\n\n{changelog.MARK}\n## 0.1.0 (2026-01-01)\n\nOld.\n"


def _fragment(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_sections_come_in_order_with_their_entries(tmp_path: Path) -> None:
    _fragment(tmp_path, "b-thing.fixed.md", "B is right now.\n")
    _fragment(tmp_path, "new.added.md", "A new thing,\non two lines.\n")
    _fragment(tmp_path, "a-thing.fixed.md", "A is right now.\n")
    _fragment(tmp_path, "README.md", "Not a fragment.\n")
    assert changelog.assemble(changelog.fragments(tmp_path)) == (
        "### Added\n\n- A new thing,\n  on two lines.\n"
        "\n### Fixed\n\n- A is right now.\n- B is right now.\n"
    )


@pytest.mark.parametrize("name", ["thing.md", "thing.broken.md", "Thing.added.md", "notes.txt"])
def test_a_file_named_otherwise_is_refused(tmp_path: Path, name: str) -> None:
    path = _fragment(tmp_path, name, "Text.")
    with pytest.raises(changelog.FragmentError, match=r"WHAT\.KIND\.md"):
        changelog.assemble([path])


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = _fragment(tmp_path, "thing.added.md", "\n")
    with pytest.raises(changelog.FragmentError, match="empty"):
        changelog.assemble([path])


def test_a_release_goes_above_the_ones_before() -> None:
    text = changelog.insert(START, "0.2.0", "2026-02-02", "### Added\n\n- X.\n")
    assert text.index("0.2.0 (2026-02-02)") < text.index("0.1.0 (2026-01-01)")
    assert changelog.MARK in text


def test_a_release_is_made_once() -> None:
    with pytest.raises(changelog.FragmentError, match="already"):
        changelog.insert(START, "0.1.0", "2026-02-02", "")


def test_a_changelog_without_the_mark_is_refused() -> None:
    with pytest.raises(changelog.FragmentError, match="lost"):
        changelog.insert("# Changelog\n", "0.1.0", "2026-02-02", "")


def test_the_fragments_here_can_be_assembled() -> None:
    root = Path(__file__).parents[2]
    paths = changelog.fragments(root / changelog.FOLDER)
    text = (root / changelog.CHANGELOG).read_text()
    assert "9.9.9" in changelog.insert(text, "9.9.9", "2026-01-01", changelog.assemble(paths))
