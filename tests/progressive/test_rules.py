"""Every rule: what the op gives of members of its intervals, in float64, is in the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.net.ops import find  # noqa: E402
from modelhub.progressive.calls import Call  # noqa: E402
from modelhub.progressive.intervals import Interval, point  # noqa: E402
from modelhub.progressive.rules import apply  # noqa: E402
from tests.progressive.boxes_of import around, members, within  # noqa: E402

# An operand given by its shape is an interval; anything else is itself.
X = (2, 4, 6, 6)
ROWS = (3, 5, 8)
PLAIN = """
relu relu6 hardtanh sigmoid tanh elu selu celu leaky_relu hardsigmoid log_sigmoid softshrink
hardshrink exp expm1 erf gelu silu hardswish mish softplus abs neg square floor ceil round sign sin
cos mean sum max amax min glu clone
"""
POSITIVE = "log log1p sqrt rsqrt reciprocal"
STEPS = ("floor", "ceil.", "round", "sign.")
CASES: list[tuple[str, dict[str, Any]]] = [
    *((f"{name}.default", {"self": X}) for name in PLAIN.split()),
    ("gelu.default", {"self": X, "approximate": "tanh"}),
    ("softplus.default", {"self": X, "beta": 3.0, "threshold": 1.0}),
    ("elu.default", {"self": X, "alpha": 0.3, "scale": 2.0, "input_scale": 0.5}),
    ("hardtanh.default", {"self": X, "min_val": -0.1, "max_val": 0.2}),
    ("clamp.default", {"self": X, "min": -0.5, "max": 0.5}),
    ("leaky_relu.default", {"self": X, "negative_slope": 0.3}),
    ("prelu.default", {"self": X, "weight": (4,)}),
    ("linear.default", {"input": ROWS, "weight": (7, 8), "bias": (7,)}),
    ("linear.default", {"input": ROWS, "weight": (7, 8)}),
    (
        "conv1d.default",
        {"input": (2, 4, 9), "weight": (6, 4, 3), "bias": (6,), "stride": [2], "padding": [1]},
    ),
    ("conv1d.padding", {"input": (2, 4, 9), "weight": (6, 4, 3), "stride": [1], "padding": "same"}),
    ("conv2d.default", {"input": X, "weight": (6, 2, 3, 3), "bias": (6,), "groups": 2}),
    ("conv2d.default", {"input": X, "weight": (4, 4, 2, 3), "stride": [2, 1], "dilation": [2, 1]}),
    ("conv3d.default", {"input": (1, 2, 4, 4, 4), "weight": (3, 2, 2, 2, 2), "bias": (3,)}),
    (
        "conv_transpose2d.input",
        {"input": X, "weight": (4, 3, 2, 2), "bias": (3,), "stride": [2, 2]},
    ),
    ("conv_transpose2d.input", {"input": X, "weight": (4, 3, 3, 3), "groups": 2}),
    ("matmul.default", {"self": ROWS, "other": (3, 8, 4)}),
    ("mm.default", {"self": (5, 8), "mat2": (8, 4)}),
    ("bmm.default", {"self": ROWS, "mat2": (3, 8, 2)}),
    ("addmm.default", {"self": (4,), "mat1": (5, 8), "mat2": (8, 4), "beta": 0.5, "alpha": -2.0}),
    ("max_pool1d.default", {"self": ROWS, "kernel_size": [2]}),
    ("max_pool2d.default", {"self": X, "kernel_size": [3, 2], "stride": [2, 1], "padding": [1, 0]}),
    ("max_pool3d.default", {"self": (1, 2, 4, 4, 4), "kernel_size": [2, 2, 2]}),
    ("avg_pool1d.default", {"self": ROWS, "kernel_size": [3]}),
    ("avg_pool2d.default", {"self": X, "kernel_size": [3, 3], "padding": [1, 1]}),
    ("avg_pool2d.default", {"self": X, "kernel_size": 2, "count_include_pad": False}),
    ("avg_pool3d.default", {"self": (1, 2, 4, 4, 4), "kernel_size": [2, 2, 2]}),
    ("adaptive_avg_pool2d.default", {"self": X, "output_size": [4, 1]}),
    ("adaptive_avg_pool1d.default", {"self": ROWS, "output_size": [3]}),
    (
        "upsample_bilinear2d.vec",
        {"input": X, "output_size": None, "align_corners": False, "scale_factors": [2.0, 2.0]},
    ),
    ("upsample_nearest2d.vec", {"input": X, "output_size": None, "scale_factors": [2.0, 2.0]}),
    (
        "batch_norm.default",
        {
            "input": X,
            "weight": (4,),
            "bias": (4,),
            "running_mean": (4,),
            "running_var": "positive",
            "training": False,
            "momentum": 0.1,
            "eps": 1e-5,
            "cudnn_enabled": True,
        },
    ),
    ("layer_norm.default", {"input": ROWS, "normalized_shape": [8], "weight": (8,), "bias": (8,)}),
    ("layer_norm.default", {"input": ROWS, "normalized_shape": [5, 8]}),
    ("rms_norm.default", {"input": ROWS, "normalized_shape": [8], "weight": (8,), "eps": 1e-6}),
    ("rms_norm.default", {"input": ROWS, "normalized_shape": [8]}),
    ("group_norm.default", {"input": X, "num_groups": 2, "weight": (4,), "bias": (4,)}),
    ("softmax.int", {"self": ROWS, "dim": 1}),
    ("softmax.int", {"self": ROWS, "dim": -1}),
    ("log_softmax.int", {"self": ROWS, "dim": -1}),
    ("add.Tensor", {"self": ROWS, "other": (8,), "alpha": 2}),
    ("add.Tensor", {"self": ROWS, "other": 0.1}),
    ("sub.Tensor", {"self": ROWS, "other": (5, 1), "alpha": -0.3}),
    ("rsub.Scalar", {"self": ROWS, "other": 1.0}),
    ("mul.Tensor", {"self": ROWS, "other": (5, 8)}),
    ("mul.Scalar", {"self": ROWS, "other": -0.3}),
    ("div.Tensor", {"self": ROWS, "other": "positive"}),
    ("div.Scalar", {"self": ROWS, "other": -3.0}),
    *(("pow.Tensor_Scalar", {"self": ROWS, "exponent": power}) for power in (2, 3, 4, 1)),
    *(("pow.Tensor_Scalar", {"self": "positive", "exponent": power}) for power in (0.5, -0.5, -1)),
    *((f"{name}.default", {"self": "positive"}) for name in POSITIVE.split()),
    ("maximum.default", {"self": ROWS, "other": (5, 8)}),
    ("minimum.default", {"self": ROWS, "other": (5, 8)}),
    ("mean.dim", {"self": ROWS, "dim": [-1], "keepdim": True}),
    ("sum.dim_IntList", {"self": ROWS, "dim": [0, 2]}),
    ("amax.default", {"self": ROWS, "dim": [1]}),
    ("flatten.using_ints", {"self": X, "start_dim": 1}),
    ("permute.default", {"self": X, "dims": [3, 0, 2, 1]}),
    ("slice.Tensor", {"self": X, "dim": 2, "start": 1, "end": 6, "step": 2}),
    ("constant_pad_nd.default", {"self": X, "pad": [1, 2], "value": 0.5}),
    ("expand_as.default", {"self": (1, 8), "other": (5, 8)}),
    ("scaled_dot_product_attention.default", {"query": ROWS, "key": ROWS, "value": ROWS}),
    (
        "scaled_dot_product_attention.default",
        {"query": ROWS, "key": ROWS, "value": ROWS, "is_causal": True, "scale": 0.7},
    ),
    (
        "scaled_dot_product_attention.default",
        {"query": (1, 4, 3, 8), "key": (1, 2, 5, 8), "value": (1, 2, 5, 8), "enable_gqa": True},
    ),
]


def _operand(value: Any, radius: float) -> Any:
    if value == "positive":
        made = around(torch.rand(4) + 2.5, min(radius, 1.0))
        return made if radius else point(made.lo)
    if isinstance(value, tuple):
        made = around(torch.randn(value), radius)
        return made if radius else point(made.lo)
    return value


def _result(call: Call, given: Mapping[str, Any]) -> Any:
    return Call(call.op, {**call.arguments, **given}).run()


@pytest.mark.parametrize("radius", [0.0, 1e-9, 0.05, 2.0])
@pytest.mark.parametrize(
    ("op", "arguments"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_members_stay_inside(op: str, arguments: dict[str, Any], radius: float) -> None:
    torch.manual_seed(5)
    shapes = {**arguments}
    if op == "div.Tensor":
        shapes["self"] = (3, 4)
    call = Call(find(f"aten.{op}"), {n: _operand(v, radius) for n, v in shapes.items()})
    found = apply(call)
    intervals = {n: v for n, v in call.arguments.items() if isinstance(v, Interval)}
    drawn = [list(members(v, 30)) for v in intervals.values()]
    for values in zip(*drawn, strict=True):
        value = _result(call, dict(zip(intervals, values, strict=True)))
        assert within(value, found)
    width = (found.hi - found.lo) / (1.0 + found.hi.abs().max())
    if op == "rms_norm.default" and "eps" not in arguments:
        # torch's own differs between dtypes.
        assert width.max() < 1e-5 or radius > 0.01
    elif radius == 0.0:
        assert width.max() <= 1e-11
    elif radius == 1e-9:
        assert width.max() <= 1e-6 or op.startswith(STEPS)


def _pair(name: str, lo: list[float], hi: list[float]) -> Interval:
    ends = [torch.tensor(end, dtype=torch.float64) for end in (lo, hi)]
    return apply(Call(find(f"aten.{name}.default"), {"self": Interval(*ends)}))


@pytest.mark.parametrize("name", ["gelu", "silu", "hardswish", "mish"])
def test_valleys_hold_their_least_value(name: str) -> None:
    found = _pair(name, [-5.0, -5.0, -0.1], [5.0, -3.5, 2.0])
    grid = torch.linspace(-5, 5, 100001, dtype=torch.float64)
    values = getattr(torch.nn.functional, name)(grid)
    assert found.lo[0] <= values.min()
    assert found.lo[0] > values.min() - 1e-8
    assert found.hi[0] >= 4.9
    assert found.lo[1] > values.min()
    assert found.lo[2] > -0.06


def test_the_step_of_softplus_is_inside() -> None:
    lo = torch.tensor([19.0], dtype=torch.float64)
    hi = torch.tensor([20.0], dtype=torch.float64).nextafter(torch.tensor(99.0).double())
    found = apply(Call(find("aten.softplus.default"), {"self": Interval(lo, hi)}))
    before = torch.nn.functional.softplus(torch.tensor([20.0], dtype=torch.float64))
    assert before > hi
    assert within(before, found)


@pytest.mark.parametrize("name", ["log", "sqrt", "rsqrt", "reciprocal", "log1p"])
def test_functions_have_no_bounds_where_they_have_no_values(name: str) -> None:
    found = _pair(name, [-2.0, 1.0], [3.0, 2.0])
    assert found.lo[0] == -float("inf")
    assert found.hi[0] == float("inf")
    assert torch.isfinite(found.lo[1])


def test_values_beyond_any_network_are_unbounded_not_wrong() -> None:
    inf = float("inf")
    for name in ("gelu", "silu", "mish", "hardswish", "exp", "softplus", "square", "abs"):
        found = _pair(name, [-inf, 1e200], [inf, inf])
        assert (found.hi == inf).all()
        assert not torch.isnan(found.lo).any()


@pytest.mark.parametrize("radius", [400.0, 1000.0, 5000.0])
def test_shares_far_apart_stay_inside_though_exponentials_underflow(radius: float) -> None:
    torch.manual_seed(1)
    x = around(torch.randn(40, 8) * 1000.0, radius)
    op = find("aten.softmax.int")
    found = apply(Call(op, {"self": x, "dim": -1}))
    for value in members(x, 60):
        assert within(Call(op, {"self": value, "dim": -1}).run(), found)


def test_attention_under_masks() -> None:
    torch.manual_seed(0)
    query, key, value = (around(torch.randn(2, 4, 8), 0.01) for _ in range(3))
    truths = torch.rand(4, 4) > 0.4
    truths.fill_diagonal_(True)
    numbers = torch.zeros(4, 4, dtype=torch.float64).masked_fill(~truths, -float("inf"))
    least = torch.zeros(4, 4, dtype=torch.float64).masked_fill(~truths, -3.4e38)
    op = find("aten.scaled_dot_product_attention.default")
    for mask in (truths, point(numbers), point(least)):
        call = Call(op, {"query": query, "key": key, "value": value, "attn_mask": mask})
        found = apply(call)
        assert (found.hi - found.lo).max() < 0.3
        for q, k, v in zip(members(query, 30), members(key, 30), members(value, 30), strict=True):
            assert within(_result(call, {"query": q, "key": k, "value": v}), found)


def test_a_node_of_exact_numbers_runs_as_it_is() -> None:
    call = Call(find("aten.add.Tensor"), {"self": torch.arange(3), "other": 1})
    assert apply(call).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        ("aten.gt.Scalar", {"other": 0.0}),
        ("aten.cumsum.default", {"dim": 0}),
        ("aten.div.Tensor_mode", {"other": 2.0, "rounding_mode": "floor"}),
        ("aten.pow.Tensor_Scalar", {"exponent": 0.3}),
        ("aten.leaky_relu.default", {"negative_slope": -1.0}),
        ("aten.avg_pool2d.default", {"kernel_size": (2,), "divisor_override": -2}),
        ("aten.argmax.default", {}),
    ],
)
def test_what_has_no_bounds_is_refused(op: str, arguments: dict[str, Any]) -> None:
    x = around(torch.randn(5), 0.5)
    with pytest.raises(ValueError):
        apply(Call(find(op), {"self": x, **arguments}))
