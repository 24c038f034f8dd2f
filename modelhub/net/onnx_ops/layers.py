"""Layers: convolution, pooling, normalisation, products of matrices, dropout, resizing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from modelhub.net.onnx_graph import Stored
from modelhub.net.onnx_ops.call import Call, Function
from modelhub.optional import require

__all__ = ["FUNCTIONS"]

torch: Any = require("torch", "torch")
functional: Any = require("torch.nn.functional", "torch")


def _pads(call: Call, value: Any, kernel: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the padding before and after each spatial dimension."""
    rank = value.ndim - 2
    strides = call.attribute("strides", [1] * rank)
    dilations = call.attribute("dilations", [1] * rank)
    auto = call.attribute("auto_pad", "NOTSET")
    if auto in ("NOTSET", ""):
        pads = call.attribute("pads", [0] * (2 * rank))
        return pads[:rank], pads[rank:]
    if auto == "VALID":
        return [0] * rank, [0] * rank
    before, after = [], []
    for axis in range(rank):
        size = value.shape[2 + axis]
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        if strides[axis] == 1:
            total = reach - 1
        elif isinstance(size, int):
            total = max((math.ceil(size / strides[axis]) - 1) * strides[axis] + reach - size, 0)
        else:
            raise call.refuse(f"auto_pad={auto} and a stride on a free size")
        small = total // 2
        first, last = (small, total - small) if auto == "SAME_UPPER" else (total - small, small)
        before.append(first)
        after.append(last)
    return before, after


def _padded(value: Any, before: list[int], after: list[int], fill: float) -> Any:
    flat = [size for pair in zip(before[::-1], after[::-1], strict=True) for size in pair]
    return functional.pad(value, flat, value=fill)


def _rank(call: Call, value: Any, ranks: Sequence[int] = (1, 2, 3)) -> int:
    rank = int(value.ndim) - 2
    if rank not in ranks:
        raise call.refuse(f"an input of {value.ndim} dimensions")
    return rank


def _conv(call: Call) -> Any:
    value, weight, bias = call.tensor(0), call.tensor(1), call.optional(2)
    rank = _rank(call, value)
    before, after = _pads(call, value, tuple(weight.shape[2:]))
    if before != after:
        value, before = _padded(value, before, after, 0.0), [0] * rank
    function = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    return function(
        value,
        weight,
        bias,
        call.attribute("strides", [1] * rank),
        before,
        call.attribute("dilations", [1] * rank),
        call.attribute("group", 1),
    )


def _conv_transpose(call: Call) -> Any:
    value, weight, bias = call.tensor(0), call.tensor(1), call.optional(2)
    rank = _rank(call, value)
    call.only(auto_pad="NOTSET", output_shape=None)
    before, after = _pads(call, value, ())
    if before != after:
        raise call.refuse("padding that differs on two sides")
    functions = (
        functional.conv_transpose1d,
        functional.conv_transpose2d,
        functional.conv_transpose3d,
    )
    return functions[rank - 1](
        value,
        weight,
        bias,
        call.attribute("strides", [1] * rank),
        before,
        call.attribute("output_padding", [0] * rank),
        call.attribute("group", 1),
        call.attribute("dilations", [1] * rank),
    )


def _max_pool(call: Call) -> Any:
    if call.wanted > 1:
        raise call.refuse("a second output")
    call.only(storage_order=0)
    value = call.tensor(0)
    rank = _rank(call, value)
    kernel = call.attribute("kernel_shape")
    before, after = _pads(call, value, kernel)
    if before != after or any(2 * pad > size for pad, size in zip(before, kernel, strict=True)):
        value, before = _padded(value, before, after, -math.inf), [0] * rank
    function = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[rank - 1]
    return function(
        value,
        kernel,
        call.attribute("strides", [1] * rank),
        before,
        call.attribute("dilations", [1] * rank),
        bool(call.attribute("ceil_mode", 0)),
    )


def _average_pool(call: Call) -> Any:
    value = call.tensor(0)
    rank = _rank(call, value)
    call.only(dilations=[1] * rank)
    kernel = call.attribute("kernel_shape")
    before, after = _pads(call, value, kernel)
    counted = bool(call.attribute("count_include_pad", 0))
    wide = any(2 * pad > size for pad, size in zip(before, kernel, strict=True))
    if before != after or wide:
        if not counted:
            raise call.refuse("padding that differs on two sides and is not counted")
        value, before = _padded(value, before, after, 0.0), [0] * rank
    function = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[rank - 1]
    return function(
        value,
        kernel,
        call.attribute("strides", [1] * rank),
        before,
        bool(call.attribute("ceil_mode", 0)),
        counted or not any(before),
    )


def _global_pool(call: Call, names: Sequence[str]) -> Any:
    value = call.tensor(0)
    rank = _rank(call, value)
    return getattr(functional, names[rank - 1])(value, [1] * rank if rank > 1 else 1)


def _global_average(call: Call) -> Any:
    return _global_pool(call, [f"adaptive_avg_pool{rank}d" for rank in (1, 2, 3)])


def _global_max(call: Call) -> Any:
    return _global_pool(call, [f"adaptive_max_pool{rank}d" for rank in (1, 2, 3)])


def _batch_norm(call: Call) -> Any:
    if call.attribute("training_mode", 0) or call.wanted > 1:
        raise call.refuse("training_mode")
    # Statistics that are weights follow the mode of the module, as torch's own do.
    follows = all(isinstance(call.raw(index), Stored) for index in (3, 4))
    return torch.batch_norm(
        call.tensor(0),
        call.tensor(1),
        call.tensor(2),
        call.tensor(3),
        call.tensor(4),
        call.training and follows,
        1.0 - call.attribute("momentum", 0.9),
        call.attribute("epsilon", 1e-5),
        False,
    )


def _layer_norm(call: Call) -> Any:
    value = call.tensor(0)
    axis = call.axis(value.ndim, -1)
    weight = call.tensor(1)
    if call.wanted > 1 or weight.ndim != value.ndim - axis:
        raise call.refuse("a scale of another shape or more outputs")
    shape = list(weight.shape)
    return functional.layer_norm(
        value, shape, weight, call.optional(2), call.attribute("epsilon", 1e-5)
    )


def _rms_norm(call: Call) -> Any:
    value, weight = call.tensor(0), call.tensor(1)
    if weight.ndim != value.ndim - call.axis(value.ndim, -1):
        raise call.refuse("a scale of another shape")
    return functional.rms_norm(value, list(weight.shape), weight, call.attribute("epsilon", 1e-5))


def _instance_norm(call: Call) -> Any:
    return torch.instance_norm(
        call.tensor(0),
        call.tensor(1),
        call.tensor(2),
        None,
        None,
        True,
        0.0,
        call.attribute("epsilon", 1e-5),
        False,
    )


def _group_norm(call: Call) -> Any:
    value, weight, bias = call.tensor(0), call.tensor(1), call.tensor(2)
    groups = call.attribute("num_groups")
    channels = value.shape[1]
    if weight.shape[0] == groups != channels:
        weight, bias = (one.repeat_interleave(channels // groups) for one in (weight, bias))
    return functional.group_norm(value, groups, weight, bias, call.attribute("epsilon", 1e-5))


def _local_response(call: Call) -> Any:
    size = call.attribute("size")
    if size % 2 == 0:
        raise call.refuse("an even size")
    return functional.local_response_norm(
        call.tensor(0),
        size,
        call.attribute("alpha", 1e-4),
        call.attribute("beta", 0.75),
        call.attribute("bias", 1.0),
    )


def _dropout(call: Call) -> Any:
    if call.wanted > 1:
        raise call.refuse("a second output")
    ratio = call.host(1).item() if call.has(1) else call.attribute("ratio", 0.5)
    return functional.dropout(call.tensor(0), float(ratio), call.training)


def _matmul(call: Call) -> Any:
    left, right = call.tensor(0), call.tensor(1)
    if isinstance(call.raw(1), Stored) and right.ndim == 2 and left.ndim > 1:
        # A layer's weight, kept the other way round than torch keeps it.
        return functional.linear(left, right.t())
    return torch.matmul(left, right)


def _gemm(call: Call) -> Any:
    left, right, bias = call.tensor(0), call.tensor(1), call.optional(2)
    left = left.t() if call.attribute("transA", 0) else left
    alpha, beta = call.attribute("alpha", 1.0), call.attribute("beta", 1.0)
    plain = alpha == 1.0 and (bias is None or (beta == 1.0 and bias.ndim == 1))
    if plain:
        weight = right if call.attribute("transB", 0) else right.t()
        if bias is None or (bias.shape[0] == weight.shape[0]):
            return functional.linear(left, weight, bias)
    product = torch.matmul(left, right.t() if call.attribute("transB", 0) else right)
    product = product if alpha == 1.0 else product * alpha
    if bias is None:
        return product
    return product + (bias if beta == 1.0 else bias * beta)


def _resize(call: Call) -> Any:
    value = call.tensor(0)
    rank = _rank(call, value)
    call.only(antialias=0, exclude_outside=0, keep_aspect_ratio_policy="stretch", axes=None)
    scales, sizes = _resize_targets(call)
    mode = call.attribute("mode", "nearest")
    place = call.attribute("coordinate_transformation_mode", "half_pixel")
    if call.node.op == "Upsample":
        place = "asymmetric"
    target: dict[str, Any] = {"size": sizes} if sizes is not None else {"scale_factor": scales}
    if mode == "nearest":
        _check_nearest(call, place, scales, sizes, value)
        return functional.interpolate(value, mode="nearest", **target)
    names = {("linear", 1): "linear", ("linear", 2): "bilinear", ("linear", 3): "trilinear"}
    name = names.get((mode, rank), "bicubic" if (mode, rank) == ("cubic", 2) else "")
    if mode == "cubic":
        call.only(cubic_coeff_a=-0.75)
    if not name or place not in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        raise call.refuse(f"mode {mode} and {place}")
    return functional.interpolate(
        value, mode=name, align_corners=place == "align_corners", **target
    )


def _resize_targets(call: Call) -> tuple[list[float] | None, list[Any] | None]:
    """Return the factors or the sizes of the spatial dimensions."""
    last = 1 if call.node.op == "Upsample" or call.opset < 11 else 2
    if call.has(3) and len(call.host(3)):
        return None, call.host(3).reshape(-1).tolist()[2:]
    scales = call.list(last, "scales")
    if not scales or scales[:2] != [1.0, 1.0]:
        raise call.refuse("a change of batch or channels")
    return scales[2:], None


def _check_nearest(call: Call, place: str, scales: Any, sizes: Any, value: Any) -> None:
    rounding = call.attribute("nearest_mode", "round_prefer_floor")
    if place == "asymmetric" and (rounding == "floor" or call.opset < 11):
        return
    # Whole factors give the same either way; torch has the first only.
    if scales is None and all(isinstance(size, int) for size in (*sizes, *value.shape[2:])):
        scales = [size / old for size, old in zip(sizes, value.shape[2:], strict=True)]
    whole = scales is not None and all(scale >= 1 and scale == int(scale) for scale in scales)
    floor_like = (place, rounding) in (
        ("half_pixel", "round_prefer_floor"),
        ("pytorch_half_pixel", "round_prefer_floor"),
        ("asymmetric", "round_prefer_floor"),
    )
    if not whole or not floor_like or (place == "asymmetric" and any(s > 2 for s in scales)):
        raise call.refuse(f"mode nearest, {rounding} and {place}")


FUNCTIONS: dict[str, Function] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average,
    "GlobalMaxPool": _global_max,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
    "LRN": _local_response,
    "Dropout": _dropout,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Resize": _resize,
    "Upsample": _resize,
}
