"""Ends against exact fractions: real arithmetic, with no rounding at all."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.progressive.intervals import (  # noqa: E402
    Interval,
    add,
    divide,
    gamma,
    multiply,
    negative,
    outward,
    point,
    product,
    square,
    subtract,
)
from tests.progressive.boxes_of import around, members, within  # noqa: E402


def _numbers(seed: int, *shape: int) -> Any:
    torch.manual_seed(seed)
    # Scales far apart, where cancellation shows.
    return torch.randn(shape, dtype=torch.float64) * 10.0 ** torch.randint(-8, 8, shape)


def _fractions(values: Any) -> list[Fraction]:
    return [Fraction(v) for v in values.flatten().tolist()]


def _holds(x: Interval, exact: list[Fraction]) -> bool:
    ends = zip(_fractions(x.lo), exact, _fractions(x.hi), strict=True)
    return all(lo <= value <= hi for lo, value, hi in ends)


@pytest.mark.parametrize("radius", [0.0, 1e-12, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_arithmetic_holds_exact_results_of_all_members(seed: int, radius: float) -> None:
    x, y = _numbers(seed, 60), _numbers(seed + 50, 60)
    a, b = around(x, radius), around(y, radius)
    if radius == 0.0:
        a, b = point(x), point(y)
    for u, v in zip(members(a, 20), members(b, 20), strict=True):
        exact_u, exact_v = _fractions(u), _fractions(v)
        pairs = list(zip(exact_u, exact_v, strict=True))
        assert _holds(add(a, b), [p + q for p, q in pairs])
        assert _holds(subtract(a, b), [p - q for p, q in pairs])
        assert _holds(multiply(a, b), [p * q for p, q in pairs])
        assert _holds(square(a), [p * p for p in exact_u])
        assert _holds(negative(a), [-p for p in exact_u])
        quotient = divide(a, b)
        assert (quotient.lo.isinf() == ((b.lo <= 0) & (b.hi >= 0))).all()
        finite = [p / q for p, q in pairs if q]
        if len(finite) == len(pairs):
            bounded = Interval(quotient.lo.clamp(min=-1e300), quotient.hi.clamp(max=1e300))
            assert _holds(bounded, finite)


@pytest.mark.parametrize("sign", ["any", "positive"])
@pytest.mark.parametrize(("x_radius", "w_radius"), [(0, 0), (0.2, 0), (0, 0.2), (0.2, 0.2)])
def test_a_product_holds_exact_sums_of_all_members(
    sign: str, x_radius: float, w_radius: float
) -> None:
    x, w, bias = _numbers(1, 2, 30), _numbers(2, 4, 30), _numbers(3, 4)
    if sign == "positive":
        x = x.abs() + x_radius
    a = around(x, x_radius) if x_radius else point(x)
    b = around(w, w_radius) if w_radius else point(w)
    found = product(torch.nn.functional.linear, a, b, 30, point(bias))
    for u, v in zip(members(a, 20), members(b, 20), strict=True):
        rows = [_fractions(row) for row in u]
        columns = [_fractions(row) for row in v]
        exact = [
            sum((p * q for p, q in zip(row, column, strict=True)), Fraction(c))
            for row in rows
            for column, c in zip(columns, bias.tolist(), strict=True)
        ]
        assert _holds(found, exact)
        # And what a float64 program computes, forwards and backwards.
        assert within(torch.nn.functional.linear(u, v, bias), found)
        assert within((u[:, None] * v).flip(-1).cumsum(-1)[..., -1] + bias, found)


def test_a_product_of_a_positive_operand_is_the_hull() -> None:
    torch.manual_seed(0)
    x, w = around(torch.rand(3, 20) + 1.0, 0.5), around(torch.randn(5, 20), 0.5)
    found = product(torch.nn.functional.linear, x, w, 20)
    each = [a[:, None] * b for a in (x.lo, x.hi) for b in (w.lo, w.hi)]
    hull = torch.stack(each)
    torch.testing.assert_close(found.lo, hull.amin(0).sum(-1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.hi, hull.amax(0).sum(-1), rtol=1e-12, atol=1e-12)


def test_a_product_with_weights_of_one_sign_each_is_the_hull() -> None:
    torch.manual_seed(0)
    centre = torch.randn(5, 20, dtype=torch.float64)
    x = around(torch.randn(3, 20), 2.0)
    w = Interval(torch.minimum(centre, centre * 2), torch.maximum(centre, centre * 2))
    found = product(torch.nn.functional.linear, x, w, 20)
    hull = torch.stack([a[:, None] * b for a in (x.lo, x.hi) for b in (w.lo, w.hi)])
    torch.testing.assert_close(found.lo, hull.amin(0).sum(-1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.hi, hull.amax(0).sum(-1), rtol=1e-12, atol=1e-12)


def test_points_give_ends_that_are_apart_by_rounding_only() -> None:
    x, w = torch.rand(3, 50, dtype=torch.float64), torch.rand(4, 50, dtype=torch.float64)
    found = product(torch.nn.functional.linear, point(x), point(w), 50)
    assert (found.hi > found.lo).all()
    assert (found.hi - found.lo <= 6 * gamma(60) * found.hi).all()


def test_what_overflows_or_is_no_number_is_unbounded_outward_only() -> None:
    inf, nan = float("inf"), float("nan")
    lo = torch.tensor([inf, nan, -inf, 1.0], dtype=torch.float64)
    hi = torch.tensor([inf, nan, -inf, inf], dtype=torch.float64)
    found = outward(lo, hi, 0.0)
    most = torch.finfo(torch.float64).max
    assert found.lo.tolist() == [most, -inf, -inf, 1.0]
    assert found.hi.tolist() == [inf, inf, -most, inf]


def test_an_unbounded_operand_makes_no_false_bound() -> None:
    inf = float("inf")
    wide = Interval(
        torch.tensor([[-inf, 0.0]], dtype=torch.float64),
        torch.tensor([[inf, 1.0]], dtype=torch.float64),
    )
    for w in (point([[0.0, 1.0]]), around(torch.tensor([[0.5, 1.0]]), 0.1)):
        found = product(torch.nn.functional.linear, wide, w, 2)
        assert found.lo.item() == -inf
        assert found.hi.item() == inf
