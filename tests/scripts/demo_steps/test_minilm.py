from __future__ import annotations

from pathlib import Path

import torch

from demo_steps.minilm import load
from demo_steps.models import minilm_folder
from demo_steps.wordpiece import WordPiece

TEXTS = ["This is a sentence.", "Return the directory component of a pathname"]
# The first values as the model's own library, sentence-transformers 6.2.0, gives them.
EXPECTED = [
    [0.0821104571, 0.0957397893, 0.0109745497, 0.0399054289],
    [0.0437156931, 0.0206737164, -0.0095597561, 0.0678631440],
]


def _embed(folder: Path) -> torch.Tensor:
    model = load(folder / "model.safetensors").eval()
    pieces = WordPiece(folder / "vocab.txt")
    rows = [torch.tensor(pieces.encode(text, 64)) for text in TEXTS]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pieces.pad)
    with torch.no_grad():
        vectors: torch.Tensor = model(ids, ids != pieces.pad)
    return vectors


def test_embeddings_are_those_of_the_reference() -> None:
    vectors = _embed(minilm_folder())
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2), atol=1e-5)
    assert torch.allclose(vectors[:, :4], torch.tensor(EXPECTED), atol=1e-5)
