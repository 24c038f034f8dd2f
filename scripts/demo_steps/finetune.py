"""Fine-tune MiniLM for a minute: names of Python functions next to what they do.

The loss is the usual one for sentence embeddings: in a batch of pairs, each name must be closer to
its own sentence than to the others'.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from demo_steps.digits import Run
from demo_steps.docstrings import Pair, pairs
from demo_steps.minilm import MiniLm, load
from demo_steps.wordpiece import WordPiece

__all__ = ["fine_tune"]

STEPS = 45
SAVE_EVERY = 15
BATCH = 16
HELD_OUT = 200
# Cosines times this make the logits, as the model was trained.
SCALE = 20.0
RATE = 2e-5
PIECES_MAX = 40


class _Texts:
    """Turns texts into padded batches and those into vectors."""

    def __init__(self, model: MiniLm, vocabulary: Path) -> None:
        self._model = model
        self._pieces = WordPiece(vocabulary)

    def embed(self, texts: list[str]) -> Tensor:
        rows = [torch.tensor(self._pieces.encode(text, PIECES_MAX)) for text in texts]
        ids = torch.nn.utils.rnn.pad_sequence(
            rows, batch_first=True, padding_value=self._pieces.pad
        )
        vectors: Tensor = self._model(ids, ids != self._pieces.pad)
        return vectors


def _found_first(texts: _Texts, held_out: list[Pair]) -> float:
    """Return the share of names whose own sentence is the nearest of all the held-out ones."""
    with torch.no_grad():
        names = texts.embed([name for name, _ in held_out])
        sentences = texts.embed([sentence for _, sentence in held_out])
    nearest = (names @ sentences.T).argmax(1)
    return float((nearest == torch.arange(len(held_out))).float().mean())


def _save(model: MiniLm, start: Path, folder: Path) -> Path:
    """Write a whole model folder, as trainers do: new weights, the settings as they were."""
    shutil.copytree(start, folder)
    save_file(model.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def fine_tune(start: Path, folder: Path) -> Run:
    """Go on from a MiniLM folder for 45 steps of AdamW, saving the whole model every 15."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = load(start / "model.safetensors")
    texts = _Texts(model, start / "vocab.txt")
    data = pairs(seed=0)
    held_out, training = data[:HELD_OUT], data[HELD_OUT:]
    # No weight decay, as the common trainers default to.
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    snapshots: dict[str, Path] = {}
    log = folder / "log.jsonl"
    best = _found_first(texts, held_out)
    with log.open("w") as out:
        out.write(json.dumps({"step": 0, "found_first": round(best, 4)}) + "\n")
        for step in range(1, STEPS + 1):
            batch = training[(step - 1) * BATCH : step * BATCH]
            names = texts.embed([name for name, _ in batch])
            sentences = texts.embed([sentence for _, sentence in batch])
            loss = functional.cross_entropy(names @ sentences.T * SCALE, torch.arange(len(batch)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            row = {"step": step, "loss": round(loss.item(), 5)}
            if step % SAVE_EVERY == 0:
                best = _found_first(texts, held_out)
                row["found_first"] = round(best, 4)
                snapshots[f"step-{step}"] = _save(model, start, folder / f"step-{step}")
            out.write(json.dumps(row) + "\n")
    settings: dict[str, str | int | float] = {"optimizer": "adamw", "lr": RATE, "steps": STEPS}
    return Run(snapshots, log, {**settings, "batch": BATCH, "found_first": round(best, 4)})
