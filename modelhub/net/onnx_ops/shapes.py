"""Operators that arrange, pick and reduce values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from modelhub.net.onnx_graph import Stored
from modelhub.net.onnx_ops.call import Call, Function
from modelhub.optional import require

__all__ = ["FUNCTIONS"]

torch: Any = require("torch", "torch")
functional: Any = require("torch.nn.functional", "torch")


def _flatten(call: Call) -> Any:
    value = call.tensor(0)
    axis = call.attribute("axis", 1)
    axis = axis + value.ndim if axis < 0 else axis
    if axis == 1 and value.ndim > 1:
        return torch.flatten(value, 1)
    if axis in (0, value.ndim):
        return value.reshape((1, -1) if axis == 0 else (-1, 1))
    return torch.flatten(torch.flatten(value, axis), 0, axis - 1)


def _reshape(call: Call) -> Any:
    value = call.tensor(0)
    sizes = call.list(1, "shape")
    if not call.attribute("allowzero", 0):
        kept = next((p for p, size in enumerate(sizes) if not _is(size, 0)), len(sizes))
        rest = sizes[kept:]
        # Without a word of the sizes that stay, the network keeps them free.
        if 0 < kept < value.ndim and rest == [-1]:
            return torch.flatten(value, kept) if value.ndim > kept + 1 else value.clone()
        if 0 < kept == value.ndim - 1 and all(type(size) is int and size for size in rest):
            return torch.unflatten(value, kept, rest)
        sizes = [value.shape[place] if _is(size, 0) else size for place, size in enumerate(sizes)]
    first = value.shape[0] if value.ndim else None
    # The same size, as the same symbol: to compare symbols would fix their sizes.
    if len(sizes) == 2 and value.ndim > 1 and _is(sizes[1], -1) and str(sizes[0]) == str(first):
        return torch.flatten(value, 1)
    return value.reshape(sizes)


def _is(size: Any, number: int) -> bool:
    return isinstance(size, int) and size == number


def _transpose(call: Call) -> Any:
    value = call.tensor(0)
    return value.permute(call.attribute("perm", list(range(value.ndim))[::-1]))


def _squeeze(call: Call) -> Any:
    value = call.tensor(0)
    axes = call.list(1, "axes")
    return torch.squeeze(value) if axes is None else torch.squeeze(value, tuple(axes))


def _unsqueeze(call: Call) -> Any:
    value = call.tensor(0)
    axes = call.list(1, "axes")
    rank = value.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        value = torch.unsqueeze(value, axis)
    return value


def _concat(call: Call) -> Any:
    values = [call.tensor(index) for index in range(len(call.inputs))]
    return torch.cat(values, call.axis(values[0].ndim, 0))


def _split(call: Call) -> Any:
    value = call.tensor(0)
    axis = call.axis(value.ndim, 0)
    sizes = call.list(1, "split")
    if sizes is None:
        size = value.shape[axis]
        count = call.attribute("num_outputs", len(call.node.outputs))
        if not isinstance(size, int):
            raise call.refuse("a free size")
        part = -(-size // count)
        sizes = [part] * (count - 1) + [size - part * (count - 1)]
    return tuple(torch.split(value, sizes, axis))


def _slice(call: Call) -> Any:
    value = call.tensor(0)
    starts, ends = call.list(1, "starts"), call.list(2, "ends")
    axes = call.list(3, "axes", list(range(len(starts))))
    steps = call.list(4, "steps", [1] * len(starts))
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step > 0:
            value = torch.ops.aten.slice.Tensor(value, axis, start, end, step)
            continue
        whole = (
            step == -1
            and isinstance(start, int)
            and isinstance(end, int)
            and (start == -1 or start >= 1 << 31 or start == value.shape[axis] - 1)
            and end < -(1 << 31)
        )
        if not whole:
            raise call.refuse("a negative step")
        value = torch.flip(value, (axis,))
    return value


def _gather(call: Call) -> Any:
    value = call.tensor(0)
    axis = call.axis(value.ndim, 0)
    known = call.known(1)
    if known is not None and known.ndim == 0:
        return torch.select(value, axis, known.tolist())
    table = isinstance(call.raw(0), Stored) and value.ndim == 2 and axis == 0
    if known is not None and known.dtype != object and not table:
        size = value.shape[axis]
        if (known < 0).any() and not isinstance(size, int):
            raise call.refuse("negative indices on a free size")
        index = torch.tensor(np.where(known < 0, known + size, known).tolist())
    else:
        index = call.tensor(1)
    if table:
        return functional.embedding(index, value)
    if index.ndim == 1:
        return torch.index_select(value, axis, index)
    picked = torch.index_select(value, axis, index.reshape(-1))
    shape = [*value.shape[:axis], *index.shape, *value.shape[axis + 1 :]]
    return picked.reshape(shape)


def _gather_elements(call: Call) -> Any:
    value = call.tensor(0)
    return torch.gather(value, call.axis(value.ndim, 0), call.tensor(1))


def _axes(call: Call) -> list[int] | None:
    """Return the axes of a reduction; None for all, an empty list for none."""
    axes = call.list(1, "axes")
    if axes:
        return [int(axis) for axis in axes]
    return [] if call.attribute("noop_with_empty_axes", 0) else None


def _reduce(function: Callable[[Any, list[int], bool], Any]) -> Function:
    def run(call: Call) -> Any:
        value = call.tensor(0)
        axes = _axes(call)
        if axes == []:
            return value.clone()
        keep = bool(call.attribute("keepdims", 1))
        return function(value, axes or list(range(value.ndim)), keep)

    return run


def _extreme(function: Any) -> Function:
    def run(call: Call) -> Any:
        call.only(select_last_index=0)
        value = call.tensor(0)
        keep = bool(call.attribute("keepdims", 1))
        return function(value, call.axis(value.ndim, 0), keep)

    return run


def _topk(call: Call) -> Any:
    value = call.tensor(0)
    count = call.list(1, "k")
    return torch.topk(
        value,
        count[0] if isinstance(count, list) else count,
        call.axis(value.ndim, -1),
        bool(call.attribute("largest", 1)),
        bool(call.attribute("sorted", 1)),
    )


def _pad(call: Call) -> Any:
    value = call.tensor(0)
    pads = call.list(1, "pads")
    axes = call.list(3, "axes", list(range(value.ndim)))
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}.get(
        call.attribute("mode", "constant"), ""
    )
    if not mode:
        raise call.refuse(f"mode {call.attribute('mode')}")
    by_axis = {
        axis % value.ndim: (pads[place], pads[place + len(axes)]) for place, axis in enumerate(axes)
    }
    pairs = [by_axis.get(axis, (0, 0)) for axis in range(value.ndim)][::-1]
    while pairs and pairs[-1] == (0, 0):
        pairs.pop()
    flat = [size for pair in pairs for size in pair]
    if not flat:
        return value.clone()
    fill = call.host(2).item() if call.has(2) else call.attribute("value", 0.0)
    return functional.pad(value, flat, mode, fill if mode == "constant" else None)


def _expand(call: Call) -> Any:
    value = call.tensor(0)
    sizes = call.host(1).reshape(-1).tolist()
    missing = max(len(sizes) - value.ndim, 0)
    shape = [*[1] * missing, *value.shape]
    sizes = [*[1] * (len(shape) - len(sizes)), *sizes]
    # Expand broadcasts both ways: a 1 leaves the size as it is.
    wanted = [
        old if isinstance(new, int) and new == 1 else new
        for old, new in zip(shape, sizes, strict=True)
    ]
    return value.expand(wanted)


def _fill(call: Call) -> Any:
    value = call.attribute("value", np.zeros(1, np.float32))
    sizes = call.host(0).reshape(-1).tolist()
    return torch.full(sizes, value.reshape(-1).tolist()[0], dtype=getattr(torch, value.dtype.name))


def _range(call: Call) -> Any:
    bounds = [call.host(index) for index in range(3)]
    start, stop, step = (bound.reshape(-1).tolist()[0] for bound in bounds)
    whole = all(bound.dtype == object or bound.dtype.kind in "iu" for bound in bounds)
    return torch.arange(start, stop, step, dtype=torch.int64 if whole else torch.float32)


def _tile(call: Call) -> Any:
    return call.tensor(0).repeat(call.host(1).reshape(-1).tolist())


def _triangle(call: Call) -> Any:
    offset = int(call.host(1).item()) if call.has(1) else 0
    function = torch.triu if call.attribute("upper", 1) else torch.tril
    return function(call.tensor(0), offset)


def _cumulative(call: Call) -> Any:
    call.only(exclusive=0, reverse=0)
    return torch.cumsum(call.tensor(0), int(call.host(1).item()))


def _depth_to_space(call: Call) -> Any:
    call.only(mode="CRD")
    if "mode" not in call.node.attributes:
        raise call.refuse("mode=DCR")
    return functional.pixel_shuffle(call.tensor(0), call.attribute("blocksize"))


def _einsum(call: Call) -> Any:
    values = [call.tensor(index) for index in range(len(call.inputs))]
    return torch.einsum(call.attribute("equation", "").replace(" ", ""), *values)


def _size_of(call: Call) -> Any:
    raise call.refuse("an input that has no shape")


def _one_hot(call: Call) -> Any:
    depth = int(call.host(1).reshape(-1)[0])
    off, on = call.host(2).tolist()
    call.only(axis=-1)
    if (off, on) != (0, 1):
        raise call.refuse("values other than 0 and 1")
    hot = functional.one_hot(call.tensor(0), depth)
    return hot.to(getattr(torch, call.host(2).dtype.name))


FUNCTIONS: dict[str, Function] = {
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "ReduceMean": _reduce(lambda value, axes, keep: torch.mean(value, axes, keep)),
    "ReduceSum": _reduce(lambda value, axes, keep: torch.sum(value, axes, keep)),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMin": _reduce(torch.amin),
    "ReduceL1": _reduce(lambda value, axes, keep: torch.sum(torch.abs(value), axes, keep)),
    "ReduceL2": _reduce(lambda value, axes, keep: torch.linalg.vector_norm(value, 2, axes, keep)),
    "ReduceSumSquare": _reduce(lambda value, axes, keep: torch.sum(value * value, axes, keep)),
    "ReduceLogSumExp": _reduce(torch.logsumexp),
    "ArgMax": _extreme(torch.argmax),
    "ArgMin": _extreme(torch.argmin),
    "TopK": _topk,
    "Pad": _pad,
    "Expand": _expand,
    "ConstantOfShape": _fill,
    "Range": _range,
    "Tile": _tile,
    "Trilu": _triangle,
    "CumSum": _cumulative,
    "DepthToSpace": _depth_to_space,
    "Einsum": _einsum,
    "OneHot": _one_hot,
    "Shape": _size_of,
    "Size": _size_of,
}
