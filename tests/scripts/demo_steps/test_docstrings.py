from __future__ import annotations

from demo_steps.docstrings import pairs


def test_pairs_of_the_standard_library() -> None:
    found = pairs(seed=0)
    assert len(found) > 1000
    assert len({sentence for _, sentence in found}) == len(found)
    assert any(name == "textwrap dedent" for name, _ in found)
    assert all("\n" not in sentence for _, sentence in found)


def test_the_seed_fixes_the_order() -> None:
    assert pairs(seed=0) == pairs(seed=0)
    assert pairs(seed=0) != pairs(seed=1)
