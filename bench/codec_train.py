"""Train the models whose checkpoints the codec is measured on; one core, a few minutes.

A program of its own, `python -m bench.codec_train WHAT FOLDER`, with `scripts` on the path: torch
and what it holds stay out of the process that measures.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from bench import data
from bench.codec_resnet import ResNet
from demo_steps.docstrings import Pair, pairs
from demo_steps.minilm import MiniLm, load
from demo_steps.wordpiece import WordPiece

__all__ = ["fine_tune", "main", "train_resnet", "write_ids"]

# The recipe that sentence transformers are usually fine-tuned with.
STEPS = 200
SAVE_EVERY = 40
WARM_UP = 20
RATE = 2e-5
DECAY = 0.01
BATCH = 16
CLIP = 1.0
# Cosines times this make the logits, as the model was trained.
SCALE = 20.0
PIECES_MAX = 40
MOMENT_STEPS = (160, 200)

EPOCHS = 8
DIGITS_BATCH = 64
DIGITS_RATE = 1e-3


def _batches(seed: int) -> Iterator[list[Pair]]:
    """Give batches of pairs for ever, in another order each time through."""
    found = pairs(seed)
    order = random.Random(seed)
    while True:
        for start in range(0, len(found) - BATCH + 1, BATCH):
            yield found[start : start + BATCH]
        order.shuffle(found)


def _embed(model: MiniLm, pieces: WordPiece, texts: list[str]) -> Tensor:
    rows = [torch.tensor(pieces.encode(text, PIECES_MAX)) for text in texts]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pieces.pad)
    vectors: Tensor = model(ids, ids != pieces.pad)
    return vectors


def _moments(model: MiniLm, optimizer: torch.optim.Optimizer, key: str) -> dict[str, Tensor]:
    return {
        name: optimizer.state[parameter][key]
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
    }


def fine_tune(folder: Path) -> None:
    """Fine-tune MiniLM for 200 steps of AdamW; write six checkpoints and the moments of two."""
    torch.manual_seed(0)
    model = load(data.minilm_weights())
    pieces = WordPiece(data.minilm_folder() / "vocab.txt")
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / WARM_UP)
    )
    save_file(model.state_dict(), folder / "step-000.safetensors")
    batches = _batches(seed=0)
    for step in range(1, STEPS + 1):
        batch = next(batches)
        names = _embed(model, pieces, [name for name, _ in batch])
        sentences = _embed(model, pieces, [sentence for _, sentence in batch])
        loss = functional.cross_entropy(names @ sentences.T * SCALE, torch.arange(len(batch)))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        if step % SAVE_EVERY == 0:
            print(f"fine-tune, step {step}: loss {loss.item():.4f}", flush=True)
            save_file(model.state_dict(), folder / f"step-{step:03}.safetensors")
        if step in MOMENT_STEPS:
            for key, short in (("exp_avg", "m"), ("exp_avg_sq", "v")):
                path = folder / f"adam-{short}-{step}.safetensors"
                save_file(_moments(model, optimizer, key), path)


def write_ids(folder: Path) -> None:
    """Write the token ids (int64, padded) of all texts, as data sets of tokens are kept."""
    pieces = WordPiece(data.minilm_folder() / "vocab.txt")
    rows = [pieces.encode(text, PIECES_MAX) for pair in pairs(seed=0) for text in pair]
    ids = np.full((len(rows), PIECES_MAX), pieces.pad, np.int64)
    for row, found in zip(ids, rows, strict=True):
        row[: len(found)] = found
    save_file({"ids": torch.from_numpy(ids)}, folder / "docstrings.safetensors")


def train_resnet(folder: Path, digits: Path) -> None:
    """Train a ResNet on handwritten digits from nothing; write a checkpoint for each epoch.

    Args:
        digits: A .npz of `images` (N, 784), values 0 to 255, and `labels` (N).
    """
    torch.manual_seed(0)
    with np.load(digits) as arrays:
        images = torch.from_numpy(arrays["images"].astype(np.float32) / 255.0).view(-1, 1, 28, 28)
        labels = torch.from_numpy(arrays["labels"].astype(np.int64))
    model = ResNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=DIGITS_RATE, weight_decay=DECAY)
    batches_all = EPOCHS * -(-len(images) // DIGITS_BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, batches_all)
    generator = torch.Generator().manual_seed(1)
    for epoch in range(1, EPOCHS + 1):
        for picked in torch.randperm(len(images), generator=generator).split(DIGITS_BATCH):
            loss = functional.cross_entropy(model(images[picked]), labels[picked])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"scratch, epoch {epoch}: loss {loss.item():.4f}", flush=True)
        save_file(model.state_dict(), folder / f"epoch-{epoch}.safetensors")


def main() -> None:
    """Make one kind of data in a folder that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["fine-tune", "resnet", "ids"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--digits", type=Path)
    arguments = parser.parse_args()
    # The order of sums depends on it, and so do the weights.
    torch.set_num_threads(1)
    if arguments.what == "fine-tune":
        fine_tune(arguments.folder)
    elif arguments.what == "ids":
        write_ids(arguments.folder)
    else:
        train_resnet(arguments.folder, arguments.digits)


if __name__ == "__main__":
    main()
