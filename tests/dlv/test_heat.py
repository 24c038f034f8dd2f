from __future__ import annotations

import math

import numpy as np
import pytest

from modelhub.dlv.heat import Heat


@pytest.mark.parametrize("shape", [(1,), (7,), (200,), (3, 5), (20, 7, 11), (9, 64), (8, 1, 1, 1)])
def test_cells_are_root_mean_squares(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    heat = Heat(shape)
    heat.add(values)
    cells = np.array(heat.cells())
    matrix = values.reshape(1 if len(shape) == 1 else shape[0], -1)
    rows, columns = matrix.shape
    assert cells.shape == (min(rows, 8), min(columns, 64))
    places = np.arange(rows) * len(cells) // rows, np.arange(columns) * cells.shape[1] // columns
    for i in range(cells.shape[0]):
        for j in range(cells.shape[1]):
            part = matrix[places[0] == i][:, places[1] == j]
            assert cells[i, j] == pytest.approx(math.sqrt(np.mean(part**2)))


@pytest.mark.parametrize("shape", [(100, 9), (1000,)])
def test_blocks_of_rows_add_up(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    whole, parts = Heat(shape), Heat(shape)
    whole.add(values)
    for begin in range(0, shape[0], 13):
        parts.add(values[begin : begin + 13], begin)
    np.testing.assert_allclose(parts.cells(), whole.cells())


def test_odd_values() -> None:
    heat = Heat((2, 2))
    heat.add(np.array([[1.0, np.nan], [np.inf, 2.0]]))
    cells = heat.cells()
    assert (cells[0][0], cells[1][1]) == (1.0, 2.0)
    assert math.isnan(cells[0][1])
    assert math.isnan(cells[1][0])
    empty = Heat((0, 3))
    empty.add(np.zeros((0, 3)))
    assert empty.cells() == []
    boolean = Heat((4,))
    boolean.add(np.array([True, False, True, True]))
    assert boolean.cells() == [[1.0, 0.0, 1.0, 1.0]]
    number = Heat(())
    number.add(np.array(3 + 4j))
    assert number.cells() == [[5.0]]
