"""Small random models of transformers' families, each with example inputs by seed."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import transformers

from tests.net.models import Case

__all__ = ["HF_MODELS", "made"]

_TEXT = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
}
_GPT2 = {
    "vocab_size": 50,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 32,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
_VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 16,
    "patch_size": 4,
}
# Class and configuration. BertModel is what MiniLM is.
_CONFIGS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("BertModel", "BertConfig", _TEXT),
    "bert-classifier": ("BertForSequenceClassification", "BertConfig", _TEXT),
    "bert-masked": ("BertForMaskedLM", "BertConfig", _TEXT),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", _GPT2),
    "llama": ("LlamaForCausalLM", "LlamaConfig", _TEXT),
    "llama-grouped": ("LlamaForCausalLM", "LlamaConfig", {**_TEXT, "num_key_value_heads": 1}),
    "vit": ("ViTForImageClassification", "ViTConfig", _VIT),
}


def made(name: str) -> Any:
    """Return a model, random by torch's seed."""
    class_, config, options = _CONFIGS[name]
    settings = getattr(transformers, config)(**options)
    settings.use_cache = False
    model = getattr(transformers, class_)(settings)
    model.config.architectures = [class_]
    return model


def _tokens(batch: int) -> torch.Tensor:
    return torch.randint(0, 50, (batch, 5 + batch))


def _images(batch: int) -> torch.Tensor:
    return torch.randn(batch, 3, 16, 16)


class Padded(torch.nn.Module):
    """A model over tokens of which those that are 0 are padding.

    Without padding, transformers leaves the mask away when it is not traced, and then takes another
    kernel for grouped heads, whose sums of gradients round otherwise.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Any) -> Any:
        return self.model(tokens, attention_mask=(tokens != 0).long())


def _padded(batch: int) -> torch.Tensor:
    tokens = torch.randint(1, 50, (batch, 5 + batch))
    tokens[:, -2:] = 0
    return tokens


HF_MODELS = {name: Case(partial(made, name), _tokens) for name in _CONFIGS}
HF_MODELS["vit"] = Case(partial(made, "vit"), _images)
HF_MODELS["llama-grouped"] = Case(lambda: Padded(made("llama-grouped")), _padded)
