"""The bound of Clopper and Pearson, against scipy and against what it promises."""

from __future__ import annotations

import numpy as np
import pytest

from modelhub.progressive.audit import upper_bound


def test_known_values() -> None:
    # Without a miss: 1 - 0.05^(1/n), the rule of three.
    assert upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300), rel=1e-12)
    assert upper_bound(0, 0) == 1.0
    assert upper_bound(7, 7) == 1.0
    assert upper_bound(1, 2, 0.5) == pytest.approx(np.sqrt(0.5), rel=1e-12)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_it_is_that_of_scipy(confidence: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    for misses, count in [(0, 1), (1, 10), (3, 128), (17, 300), (299, 300), (5, 100_000)]:
        wanted = stats.beta.ppf(confidence, misses + 1, count - misses)
        assert upper_bound(misses, count, confidence) == pytest.approx(wanted, rel=1e-9)


def test_it_covers_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    for share in (0.003, 0.02, 0.3):
        misses = random.binomial(128, share, 2000)
        bounds = {count: upper_bound(count, 128) for count in set(misses.tolist())}
        covered = np.mean([bounds[count] >= share for count in misses.tolist()])
        assert covered >= 0.935


@pytest.mark.parametrize(
    ("misses", "count", "confidence"), [(-1, 5, 0.9), (6, 5, 0.9), (1, 5, 0.0), (1, 5, 1.0)]
)
def test_numbers_that_make_no_sense(misses: int, count: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        upper_bound(misses, count, confidence)
