"""Run the MiniLM sentence transformer in plain torch: six BERT layers and mean pooling.

The module's attributes are named so that its state dict has the names of the published file.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MiniLm", "load"]

WIDTH = 384
HEADS = 12
INNER = 1536
LAYERS = 6
VOCABULARY = 30522
POSITIONS = 512
EPSILON = 1e-12


class _Sum(nn.Module):
    """A linear layer whose output is added to a residual and normalised."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=EPSILON)

    def forward(self, values: Tensor, residual: Tensor) -> Tensor:
        normal: Tensor = self.LayerNorm(self.dense(values) + residual)
        return normal


class _Attention(nn.Module):
    """Every piece of a text looks at every other."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (
            part(hidden).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return mixed.transpose(1, 2).flatten(2)


class _Layer(nn.Module):
    """Self-attention, then two linear layers, each with its residual."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": _Attention(), "output": _Sum(WIDTH)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(WIDTH, INNER)})
        self.output = _Sum(INNER)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        hidden = self.attention["output"](self.attention["self"](hidden, mask), hidden)
        inner = functional.gelu(self.intermediate["dense"](hidden))
        out: Tensor = self.output(inner, hidden)
        return out


class _Embeddings(nn.Module):
    """What a piece means, where it stands, and the one kind of text there is."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(VOCABULARY, WIDTH)
        self.position_embeddings = nn.Embedding(POSITIONS, WIDTH)
        self.token_type_embeddings = nn.Embedding(2, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.register_buffer("position_ids", torch.arange(POSITIONS).unsqueeze(0))

    def forward(self, ids: Tensor) -> Tensor:
        places = self.position_embeddings.weight[: ids.shape[1]]
        kind = self.token_type_embeddings.weight[0]
        hidden: Tensor = self.LayerNorm(self.word_embeddings(ids) + places + kind)
        return hidden


class MiniLm(nn.Module):
    """The encoder; its output is one unit vector of 384 values a text."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = _Embeddings()
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_Layer() for _ in range(LAYERS))})
        # In the file though sentence embeddings do not use it.
        self.pooler = nn.ModuleDict({"dense": nn.Linear(WIDTH, WIDTH)})

    def forward(self, ids: Tensor, present: Tensor) -> Tensor:
        """Embed texts.

        Args:
            ids: Word pieces (texts, pieces), padded.
            present: True where there is a piece, False at the padding.
        """
        hidden = self.embeddings(ids)
        for layer in self.encoder["layer"].children():
            hidden = layer(hidden, present[:, None, None, :])
        weights = present.unsqueeze(-1).to(hidden.dtype)
        return functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1)


def load(weights: Path) -> MiniLm:
    """Return the model with the weights of a safetensors file; every name must match."""
    model = MiniLm()
    model.load_state_dict(load_file(weights))
    return model
