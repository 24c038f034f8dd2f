"""Put real checkpoints and made ones together as they arrive in a repository that nobody sorts.

An *arrival* is a model's tensors under names of its own. Its *family* is the network it belongs to;
a *layer* is a tensor's place in that network, whatever it is called here. A tensor's true bases are
the tensors of the same family and layer that arrived before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import numpy.typing as npt

from bench import codec_data
from bench.codec_data import Array, Tensors

__all__ = ["Arrival", "arrivals", "mixed", "shuffled"]

# Each kind of name, as another library would give it.
_PREFIXES = ("", "model.", "bert.", "0.auto_model.", "backbone.net.")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A model as it arrives.

    Args:
        layers: The layer of each tensor, by its name here.
    """

    name: str
    family: str
    tensors: Tensors
    layers: Mapping[str, str]


def mixed(family: str, name: str, tensors: Tensors, number: int) -> Arrival:
    """Return tensors as an arrival, renamed by one of five manners."""
    prefix = _PREFIXES[number % len(_PREFIXES)]
    names = {layer: prefix + _renamed(layer, number) for layer in tensors}
    return Arrival(
        name,
        family,
        {names[layer]: tensor for layer, tensor in tensors.items()},
        {names[layer]: layer for layer in tensors},
    )


def _renamed(layer: str, number: int) -> str:
    if number % 2:
        layer = layer.replace("layer.", "h.").replace("layers.", "blocks.")
    return layer.replace(".weight", ".w").replace(".", "/") if number % 3 == 0 else layer


def shuffled(tensors: Tensors, seed: int) -> Tensors:
    """Return an unrelated network of equal shapes: rows, columns and signs dealt anew.

    Each tensor keeps the distribution of its values, by row as well, as another training of the
    same architecture would have it.
    """
    random = np.random.default_rng(seed)

    def deal(tensor: Array) -> Array:
        if not tensor.ndim:
            return tensor
        rows = tensor.reshape(len(tensor), -1)
        rows = rows[random.permutation(len(rows))][:, random.permutation(rows.shape[1])]
        centre = np.float32(np.median(rows))
        signs = random.choice(np.array([-1, 1], np.float32), rows.shape)
        dealt: npt.NDArray[np.float32] = (rows - centre) * signs + centre
        return dealt.reshape(tensor.shape)

    return {name: deal(tensor) for name, tensor in tensors.items()}


def arrivals() -> Iterator[Arrival]:
    """Yield the corpus: fine-tunes, epochs, unrelated networks, casts; every name is new.

    Raises:
        MissingDataError: real data cannot be made; the text says what to install.
    """
    published = codec_data.load("minilm")
    epochs = [codec_data.load("scratch", name) for name in codec_data.snapshots("scratch")]
    steps = [codec_data.load("ft32", name) for name in codec_data.snapshots("ft32")]
    yield mixed("minilm", "published", published, 0)
    yield mixed("other-minilm", "other-minilm", shuffled(published, 1), 1)
    for number, epoch in enumerate(epochs):
        yield mixed("resnet", f"epoch-{number}", epoch, number + 2)
    yield mixed("other-resnet", "other-resnet", shuffled(epochs[-1], 2), 4)
    for number, step in enumerate(steps[1:], 1):
        yield mixed("minilm", f"tuned-{number}", step, number)
    yield mixed("third-minilm", "third-minilm", shuffled(steps[-1], 3), 2)
    bfloat16, float16 = np.dtype(ml_dtypes.bfloat16), np.dtype(np.float16)
    yield mixed("minilm", "half", _cast(published, float16), 3)
    for number in (2, 5):
        yield mixed("minilm", f"tuned-{number}-bf16", _cast(steps[number], bfloat16), number + 4)
    yield mixed("resnet", "epoch-last-bf16", _cast(epochs[-1], bfloat16), 1)
    yield mixed("other-minilm", "other-minilm-bf16", _cast(shuffled(published, 1), bfloat16), 3)


def _cast(tensors: Tensors, dtype: np.dtype[np.generic]) -> Tensors:
    return {name: tensor.astype(dtype) for name, tensor in tensors.items()}
