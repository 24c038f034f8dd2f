"""Run torch's ONNX exporter on the module of a network, and check what it wrote.

Imported through `modelhub.net.to_onnx` only, since it needs torch, onnx and onnxscript.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from modelhub import optional
from modelhub.errors import BadInputError
from modelhub.net.clean_names import clean
from modelhub.net.graph import Group, Network, Output, Value

__all__ = ["export"]

torch: Any = optional.require("torch", "onnx")
pytree: Any = optional.require("torch.utils._pytree", "onnx")

# Sizes to trace with where they are free. The network says which sizes are equal.
_FREE = (2, 8, 64)
# protobuf's own limit.
_BYTES_MAX = (1 << 31) - 1
# What onnxruntime's kernels may differ by from torch's: both round float32 in their own order.
_RTOL, _ATOL = 1e-3, 1e-4


def export(network: Network, module: Any) -> tuple[bytes, tuple[str, ...], bool]:
    """Return the file's bytes, the names of folded weights, and whether it was checked.

    Raises:
        BadInputError: as `modelhub.net.to_onnx.to_onnx`.
    """
    size = sum(tensor.nbytes for tensor in module.state_dict().values())
    if size > _BYTES_MAX:
        raise BadInputError(
            f"{size} bytes of weights", expected=f"at most {_BYTES_MAX}, the limit of an ONNX file"
        )
    examples, dynamic = _inputs(network)
    _name_inputs(module, list(network.inputs))
    program = _export(module, examples, dynamic, _output_names(network.outputs))
    proto = program.model_proto
    kept = {tensor.name for tensor in proto.graph.initializer}
    folded = tuple(t.name for t in network.tensors if t.role != "constant" and t.name not in kept)
    data = proto.SerializeToString()
    return data, folded, _check(data, module, examples)


def _inputs(network: Network) -> tuple[dict[str, Any], dict[str, dict[int, Any]]]:
    """Return example inputs, and the free dimensions of each."""
    sizes: dict[str, int] = {}
    examples, dynamic = {}, {}
    for name, value in network.inputs.items():
        shape, free = [], {}
        for place, size in enumerate(value.shape):
            if isinstance(size, str) and not size.isdigit():
                # The exporter takes a text for a size that may be free, and writes it down.
                free[place] = "batch" if place == 0 else f"size_{size}"
                usual = _FREE[0 if place == 0 else 1 if len(value.shape) < 4 else 2]
                size = sizes.setdefault(size, usual)
            shape.append(int(size))
        examples[name], dynamic[name] = _example(value, shape), free
    return examples, dynamic


def _example(value: Value, shape: list[int]) -> Any:
    dtype = getattr(torch, value.dtype)
    if dtype.is_floating_point:
        generator = torch.Generator().manual_seed(0)
        return torch.rand(shape, generator=generator).to(dtype)
    # Zero is an index that every table has.
    return torch.zeros(shape, dtype=dtype)


def _name_inputs(module: Any, names: list[str]) -> None:
    """Give the module's forward the names of its inputs, which the exporter writes down."""
    inner = module.forward
    parameters = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names
    ]

    def forward(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    module.forward = forward


def _output_names(output: Output) -> list[str] | None:
    if not isinstance(output, Group) or output.type != "dict":
        return None
    if any(isinstance(item, Group) for item in output.items):
        return None
    return [clean(key) for key in output.keys]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from writing its progress and remarks to the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _export(module: Any, examples: Any, dynamic: Any, names: list[str] | None) -> Any:
    try:
        with _quiet(), torch.no_grad():
            return torch.onnx.export(
                module,
                (),
                kwargs=examples,
                dynamo=True,
                dynamic_shapes=dynamic,
                output_names=names,
                verbose=False,
            )
    except Exception as error:  # the exporter raises whatever its parts do
        cause = error.__cause__ or error
        first = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
        raise BadInputError(
            f"torch cannot export the network to ONNX ({type(cause).__name__}: {first[:200]})",
            hint="check the weights out in another format",
        ) from error


def _check(data: bytes, module: Any, examples: dict[str, Any]) -> bool:
    """Compare with onnxruntime, if it is installed."""
    if not optional.available("onnxruntime"):
        return False
    runtime: Any = optional.require("onnxruntime", "onnx")
    try:
        session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
        names = [one.name for one in session.get_inputs()]
        arrays = [value.numpy() for value in examples.values()]
        found = session.run(None, dict(zip(names, arrays, strict=True)))
    except Exception as error:  # its errors have no common class, and bfloat16 has no array
        first = str(error).strip().splitlines()[0]
        raise BadInputError(
            f"onnxruntime cannot run the exported model ({first[:200]})",
            hint="check the weights out in another format",
        ) from error
    with torch.no_grad():
        expected = pytree.tree_leaves(module(**examples))
    pairs = zip((each.numpy() for each in expected), found, strict=True)
    if not all(
        left.shape == right.shape and np.allclose(left, right, _RTOL, _ATOL, equal_nan=True)
        for left, right in pairs
    ):
        raise BadInputError("in onnxruntime the exported model gives other values than the network")
    return True
