"""Functions against many more digits: intervals of points hold the real value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
mpmath = pytest.importorskip("mpmath")

from modelhub.net.ops import find  # noqa: E402
from modelhub.progressive.calls import Call  # noqa: E402
from modelhub.progressive.intervals import UNIT, point  # noqa: E402
from modelhub.progressive.rules import apply  # noqa: E402

mp = mpmath.mp.clone()
mp.dps = 60


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _elu(alpha: Any, scale: Any) -> Callable[[Any], Any]:
    return lambda x: scale * (x if x > 0 else alpha * mp.expm1(x))


def _selu() -> Callable[[Any], Any]:
    # The numbers as float64 holds them, which is how programs have them.
    return _elu(
        mp.mpf(1.6732632423543772848170429916717), mp.mpf(1.0507009873554804934193349852946)
    )


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": mp.exp,
    "expm1": mp.expm1,
    "tanh": mp.tanh,
    "erf": mp.erf,
    "sin": mp.sin,
    "cos": mp.cos,
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: -mp.log1p(mp.exp(-x)),
    "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "mish": lambda x: x * mp.tanh(mp.log1p(mp.exp(x))),
    "hardswish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "hardsigmoid": lambda x: min(max(x + 3, mp.mpf(0)), mp.mpf(6)) / 6,
    "elu": _elu(1, 1),
    "celu": _elu(1, 1),
    "selu": _selu(),
    "square": lambda x: x * x,
}
POSITIVE: dict[str, Callable[[Any], Any]] = {
    "log": mp.log,
    "log1p": mp.log1p,
    "sqrt": mp.sqrt,
    "rsqrt": lambda x: 1 / mp.sqrt(x),
    "reciprocal": lambda x: 1 / x,
}
# The elementary ones, of which the module's docstring says how right they are taken to be.
ELEMENTARY = ("exp", "expm1", "tanh", "erf", "log", "log1p", "sin", "cos")


def _points(name: str) -> Any:
    torch.manual_seed(len(name))
    scales = 10.0 ** torch.randint(-6, 3, (300,))
    values = torch.randn(300, dtype=torch.float64) * scales
    values = torch.cat([values, torch.tensor([0.0, -3.0, 3.0, 1.0, -1.0]).double()])
    return values[values != 0].abs() if name in POSITIVE else values.clamp(-600, 600)


@pytest.mark.parametrize("name", [*FUNCTIONS, *POSITIVE])
def test_the_real_value_of_a_point_is_inside(name: str) -> None:
    values = _points(name)
    op = find(f"aten.{name}.default")
    found = apply(Call(op, {op.parameters[0].name: point(values)}))
    real = (FUNCTIONS | POSITIVE)[name]
    for x, lo, hi in zip(values.tolist(), found.lo.tolist(), found.hi.tolist(), strict=True):
        assert mp.mpf(lo) <= real(mp.mpf(x)) <= mp.mpf(hi), x


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_functions_are_as_right_as_they_are_taken_to_be(name: str) -> None:
    values = _points(name)
    real = (FUNCTIONS | POSITIVE)[name]
    given = Call(find(f"aten.{name}.default"), {"self": values}).run()
    for x, got in zip(values.tolist(), given.tolist(), strict=True):
        exact = real(mp.mpf(x))
        assert abs(mp.mpf(got) - exact) <= 8 * UNIT * abs(exact) + mp.mpf(1e-300), x
