from __future__ import annotations

from pathlib import Path

import pytest

from demo_steps.wordpiece import WordPiece

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "return", "##s", "path", "##name", "cafe", "(", ")"]


@pytest.fixture
def pieces(tmp_path: Path) -> WordPiece:
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(PIECES) + "\n")
    return WordPiece(vocabulary)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Returns (path)", ["return", "##s", "(", "path", ")"]),
        ("pathname", ["path", "##name"]),
        ("Café", ["cafe"]),
        ("pathx return", ["[UNK]", "return"]),
        ("path" * 26, ["[UNK]"]),
        ("", []),
    ],
)
def test_greedy_split(pieces: WordPiece, text: str, expected: list[str]) -> None:
    ids = pieces.encode(text, pieces_max=40)
    assert [PIECES[number] for number in ids] == ["[CLS]", *expected, "[SEP]"]


def test_long_text_is_cut_and_still_ends(pieces: WordPiece) -> None:
    ids = pieces.encode("path " * 50, pieces_max=8)
    assert len(ids) == 8
    assert PIECES[ids[-1]] == "[SEP]"
