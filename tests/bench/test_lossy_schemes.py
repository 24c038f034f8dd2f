from __future__ import annotations

import numpy as np

from bench.lossy_schemes import SCHEMES, row
from modelhub.tensors.schemes import parse


def test_figures_are_those_of_the_values() -> None:
    exact = {"a": np.array([3.0, 4.0], np.float32), "n": np.arange(9)}
    lossy = {"a": np.array([3.0, 4.5], np.float32), "n": np.arange(9)}
    assert row(exact, lossy) == (0.5, 0.1, 2)
    assert row(exact, exact) == (0.0, 0.0, 2)


def test_the_schemes_of_the_table_exist() -> None:
    assert [str(parse(name)) for name in SCHEMES] == list(SCHEMES)
