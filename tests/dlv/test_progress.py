from __future__ import annotations

from modelhub.dlv.progress import counter


def test_steps_add_up() -> None:
    seen: list[tuple[int, int]] = []
    step = counter(lambda done, total: seen.append((done, total)), 10)
    assert step is not None
    step(3)
    step(7)
    assert seen == [(3, 10), (10, 10)]
    assert counter(None, 10) is None
