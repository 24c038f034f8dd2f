"""Layers made ready, against exact fractions: real arithmetic, with no rounding at all."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.progressive.ends import (  # noqa: E402
    Affine,
    Layer,
    differences,
    fold,
    for_ends,
    for_points,
    halves,
    together,
)
from modelhub.progressive.intervals import Interval, point  # noqa: E402
from modelhub.progressive.runs import average, summed  # noqa: E402
from tests.progressive.boxes_of import around, members, within  # noqa: E402

VALUES, CHANNELS = 4, 30
linear = torch.nn.functional.linear


def _numbers(seed: int, *shape: int) -> Any:
    torch.manual_seed(seed)
    # Scales far apart, where cancellation shows.
    return torch.randn(shape, dtype=torch.float64) * 10.0 ** torch.randint(-8, 8, shape)


def _fractions(values: Any) -> list[Fraction]:
    return [Fraction(v) for v in values.flatten().tolist()]


def _layer(radius: float) -> Layer:
    weight, bias = _numbers(2, VALUES, CHANNELS), _numbers(3, VALUES)
    box = around(weight, radius) if radius else point(weight)
    bias_box = around(bias, radius) if radius else point(bias)
    return Layer(box, bias_box, bias_box.magnitude(), CHANNELS + 1)


def _sums(x: Any, w: Any, bias: Any) -> list[list[Fraction]]:
    return [
        [
            sum((p * q for p, q in zip(_fractions(row), _fractions(of), strict=True)), Fraction(c))
            for of, c in zip(w, bias.tolist(), strict=True)
        ]
        for row in x
    ]


def _holds(found: Any, exact: list[list[Fraction]]) -> bool:
    ends = halves(found)
    return all(
        Fraction(lo) <= value <= Fraction(hi)
        for los, his, values in zip(ends.lo.tolist(), ends.hi.tolist(), exact, strict=True)
        for lo, hi, value in zip(los, his, values, strict=True)
    )


@pytest.mark.parametrize("x_radius", [0.0, 0.2])
@pytest.mark.parametrize("w_radius", [0.0, 1e-12, 0.3])
def test_ends_hold_exact_sums_of_all_members(x_radius: float, w_radius: float) -> None:
    layer, low = _layer(w_radius), _numbers(1, 2, CHANNELS).abs()
    x = Interval(low, low + x_radius * torch.rand_like(low))
    made = for_ends(layer)
    found = linear(together(x), made.weight, made.bias)
    assert layer.bias is not None
    sampled = zip(members(x, 8), members(layer.weight, 8), members(layer.bias, 8), strict=True)
    for u, w, b in sampled:
        assert _holds(found, _sums(u, w, b))
        # And what a float64 program computes, in two orders.
        assert within(linear(u, w, b), halves(found))
        assert within((u[:, None] * w).flip(-1).cumsum(-1)[..., -1] + b, halves(found))


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("radius", [0.0, 0.3])
def test_exact_operands_of_either_sign(positive: bool, radius: float) -> None:
    layer, x = _layer(radius), _numbers(1, 3, CHANNELS)
    x = x.abs() if positive else x
    made: Affine = for_points(layer, positive)
    parts = x if positive else torch.cat([x.clamp(min=0.0), x.clamp(max=0.0)], 1)
    found = linear(parts, made.weight, made.bias)
    assert layer.bias is not None
    for w, b in zip(members(layer.weight, 8), members(layer.bias, 8), strict=True):
        assert _holds(found, _sums(x, w, b))
        assert within(linear(x, w, b), halves(found))


@pytest.mark.parametrize("radius", [0.0, 0.2])
def test_a_norm_in_the_layer_before_it(radius: float) -> None:
    layer, x = _layer(radius), _numbers(1, 2, CHANNELS).abs()
    mean, weight, bias = (_numbers(seed, VALUES) for seed in (7, 8, 9))
    # The roots of 4, 9 and 0.25 are exact.
    variance, roots = torch.tensor([3.0, 8.0, 3.0, 0.0]).double(), [2, 3, 2, 1]
    normed = fold(layer, *map(point, (mean, variance, weight, bias)), 1.0)
    made = for_ends(normed)
    found = linear(torch.cat([x, x], 1), made.weight, made.bias)
    assert layer.bias is not None
    norm = [_fractions(part) for part in (mean, weight, bias)]
    for w, b in zip(members(layer.weight, 6), members(layer.bias, 6), strict=True):
        exact = [
            [(z - m) * s / root + t for z, m, s, t, root in zip(row, *norm, roots, strict=True)]
            for row in _sums(x, w, b)
        ]
        assert _holds(found, exact)
        computed = torch.nn.functional.batch_norm(
            linear(x, w, b), mean, variance, weight, bias, eps=1.0
        )
        assert within(computed, halves(found))


@pytest.mark.parametrize("radius", [0.0, 1e-12, 0.3])
def test_differences_of_values_are_never_below_their_bounds(radius: float) -> None:
    layer, low = _layer(radius), _numbers(1, 3, CHANNELS).abs()
    x = Interval(low, low + radius * torch.rand_like(low))
    assert layer.bias is not None
    for label in range(VALUES):
        rows, shift = differences(layer, label)
        found = linear(together(x), rows, shift).tolist()
        sampled = zip(members(x, 6), members(layer.weight, 6), members(layer.bias, 6), strict=True)
        for u, w, b in sampled:
            computed = linear(u, w, b)
            for i, row in enumerate(_sums(u, w, b)):
                for other in range(VALUES):
                    if other == label:
                        assert found[i][other] == torch.inf
                        continue
                    assert Fraction(found[i][other]) <= row[label] - row[other]
                    gap = Fraction(float(computed[i, label])) - Fraction(float(computed[i, other]))
                    assert Fraction(found[i][other]) <= gap


def test_sums_and_averages_hold_exact_ones() -> None:
    x, y = (around(_numbers(seed, 2, 3, 4, 4), 0.1) for seed in (1, 2))
    ends = [torch.cat([one.lo, one.hi], 1) for one in (x, y)]
    found = halves(summed((2, 3, 4, 4))(*ends))
    for u, v in zip(members(x, 4), members(y, 4), strict=True):
        exact = [p + q for p, q in zip(_fractions(u), _fractions(v), strict=True)]
        low, high = _fractions(found.lo), _fractions(found.hi)
        assert all(a <= e <= b for a, e, b in zip(low, exact, high, strict=True))
        assert within(u + v, found)
    positive = Interval(x.lo.abs(), x.lo.abs() + 0.5)
    mean = average(lambda z: z.mean((2, 3)), 16, 3, 2)
    bounds = halves(mean(together(positive)))
    for u in members(positive, 4):
        exact = [sum(_fractions(part)) / 16 for image in u for part in image]
        low, high = _fractions(bounds.lo), _fractions(bounds.hi)
        assert all(a <= e <= b for a, e, b in zip(low, exact, high, strict=True))
        assert within(u.mean((2, 3)), bounds)
        assert within(u.flatten(2).flip(-1).cumsum(-1)[..., -1] / 16, bounds)


def test_ends_of_weights_that_differ_by_rounding_only_are_narrow() -> None:
    layer, x = _layer(0.0), _numbers(1, 2, CHANNELS).abs()
    made = for_ends(layer)
    ends = halves(linear(torch.cat([x, x], 1), made.weight, made.bias))
    size = linear(x, layer.weight.magnitude(), layer.size)
    assert (ends.hi > ends.lo).all()
    assert ((ends.hi - ends.lo) <= 1e-13 * size).all()


def test_reach_is_above_all_sums() -> None:
    layer = _layer(0.3)
    for most in (0.0, 7.0, 1e12):
        sums = layer.weight.magnitude().sum(1) * most + layer.size
        assert layer.reach() * (1.0 + most) >= sums.max()
