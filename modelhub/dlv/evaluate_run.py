"""Run a network over a data set with torch, batch after batch.

What a network's outputs are is told by its last node: `softmax` over the classes gives
probabilities, `log_softmax` log-probabilities, all else are logits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub.data import Fit, Source
from modelhub.errors import BadInputError
from modelhub.net.arguments import Ref
from modelhub.net.graph import Group, Network, Node, Output
from modelhub.net.kinds import AUX
from modelhub.optional import require

__all__ = [
    "DEVICES",
    "answer_of",
    "device_of",
    "exact_products",
    "form_of",
    "outputs",
    "padded",
    "run",
    "scores_of",
    "tensor_of",
    "told",
    "torch_version",
]

DEVICES = ("auto", "cpu", "cuda")

_LOGITS = "logits"
_FORMS = {"softmax": "probabilities", "log_softmax": "log-probabilities"}
# Dimensions that are the classes of an output (N, classes).
_OF_CLASSES = (1, -1)

Array = npt.NDArray[Any]


def torch_version() -> str:
    """Return the version of torch."""
    return str(require("torch", "torch").__version__)


def device_of(wanted: str) -> str:
    """Return `cpu` or `cuda`.

    Raises:
        BadInputError: `cuda` is wanted, and torch has none.
    """
    there = require("torch", "torch").cuda.is_available()
    if wanted == "cuda" and not there:
        raise BadInputError(
            "torch finds no CUDA device here",
            hint="use --device cpu, or install a torch with CUDA where there is a GPU",
        )
    return "cuda" if there and wanted != "cpu" else "cpu"


def form_of(network: Network) -> str:
    """Return what the outputs are: `logits`, `probabilities` or `log-probabilities`."""
    nodes = {node.name: node for node in network.nodes}
    ref = answer_of(network.outputs)
    while isinstance(ref, Ref) and ref.node in nodes:
        node = nodes[ref.node]
        form = _FORMS.get(_base(node))
        if form is not None:
            sizes = len(node.values[0].shape) if node.values else 0
            dim = node.attributes.get("dim")
            return form if sizes == 2 and dim in _OF_CLASSES else _LOGITS
        if node.kind != AUX or len(node.inputs) != 1:
            break
        ref = Ref(node.inputs[0])
    return _LOGITS


def _base(node: Node) -> str:
    """Return the name of an op without its namespace, overload and leading line."""
    return node.op.split(".")[1].strip("_") if node.op.count(".") else node.op


def answer_of(output: Output) -> Output:
    """Return the output that answers: the only one, or the one called `logits`."""
    if isinstance(output, Group):
        if _LOGITS in output.keys:
            return answer_of(output.items[output.keys.index(_LOGITS)])
        if len(output.items) == 1:
            return answer_of(output.items[0])
    return output


def outputs(
    module: Any,
    source: Source,
    fit: Fit,
    *,
    batch_size: int,
    device: str,
    where: str,
) -> Iterator[tuple[Array, Array | None]]:
    """Yield for each batch the outputs (B, classes) in float64, and labels (B,) in int64.

    Args:
        where: The revision, for messages.

    Raises:
        BadInputError: the outputs are not (N, classes) with 2 classes or more, or torch refuses to
            run the network on these inputs.
    """
    module = module.to(device)
    for rows in source.rows(fit.names, fit.batch or batch_size):
        found = run(module, fit.inputs(source, rows), fit, device, where, source.where)
        yield found, rows[fit.labels.name].astype(np.int64) if fit.labels else None


def run(
    module: Any, inputs: Mapping[str, Array], fit: Fit, device: str, where: str, data: str
) -> Array:
    """Return the outputs (B, classes) for one batch, in float64.

    Args:
        module: On the device already.
        where, data: The revision and the data set, for messages.

    Raises:
        BadInputError: as for `outputs`.
    """
    torch: Any = require("torch", "torch")
    count = len(next(iter(inputs.values())))
    # A network of a fixed batch gets it whole, the last example again and again.
    missing = fit.batch - count if fit.batch else 0
    given = {
        name: tensor_of(torch, padded(array, missing), fit.values[name].dtype, device)
        for name, array in inputs.items()
    }
    with torch.inference_mode(), exact_products(torch, device), told(torch, where, data):
        result = module(**given)
        scores = scores_of(torch, result, count + missing, where)[:count]
        found: Array = scores.to(torch.float64).cpu().numpy()
    return found


def padded(array: Array, missing: int) -> Array:
    """Return a batch with its last example again and again, for networks of a fixed batch."""
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def tensor_of(torch: Any, array: Array, dtype: str, device: str) -> Any:
    """Return a batch as a tensor of the dtype that an input of the network has."""
    return torch.from_numpy(array).to(device=device, dtype=getattr(torch, dtype))


@contextlib.contextmanager
def exact_products(torch: Any, device: str) -> Iterator[None]:
    """Keep CUDA from rounding float32 to TF32, which convolutions do unless told otherwise."""
    if device != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        yield


@contextlib.contextmanager
def told(torch: Any, where: str, data: str) -> Iterator[None]:
    """Turn what torch says of a run into an error of ours."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise BadInputError(
            "the device has too little memory for a batch",
            where=where,
            hint="take a smaller --batch-size, or --device cpu",
        ) from error
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        lines = str(error).strip().splitlines()
        raise BadInputError(
            f"the network does not run on {data} ({lines[0] if lines else type(error).__name__})",
            expected="inputs like the examples that it was committed with",
            where=where,
        ) from error


def scores_of(torch: Any, result: Any, count: int, where: str) -> Any:
    """Return the tensor that answers, (count, classes).

    Raises:
        BadInputError: kind `bad_shape`, there is none.
    """
    found = _answering(torch, result)
    if found is None or found.ndim != 2 or found.shape[0] != count or found.shape[1] < 2:
        raise BadInputError(
            f"the network gives {_shapes(torch, result) or 'nothing'} for {count} examples",
            expected="one floating output (N, classes) of 2 classes or more, or one named `logits`",
            where=where,
            kind="bad_shape",
            hint="only classifiers can be scored; `.module()` in Python runs any network",
        )
    return found


def _answering(torch: Any, result: Any) -> Any:
    if isinstance(result, Mapping):
        if _LOGITS in result:
            return _answering(torch, result[_LOGITS])
        result = tuple(result.values())
    if isinstance(result, list | tuple):
        tensors = [item for item in result if item is not None]
        return _answering(torch, tensors[0]) if len(tensors) == 1 else None
    return result if isinstance(result, torch.Tensor) and result.is_floating_point() else None


def _shapes(torch: Any, result: Any) -> str:
    if isinstance(result, torch.Tensor):
        return f"{str(result.dtype).removeprefix('torch.')} {tuple(result.shape)}"
    items = result.items() if isinstance(result, Mapping) else enumerate(result or ())
    return ", ".join(f"{key}: {_shapes(torch, item)}" for key, item in items)
