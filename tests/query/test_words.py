"""Words that the language and the networks share are the same."""

from __future__ import annotations

from dql.ast.words import SEEN_THROUGH, TEMPLATES
from dql.memory import values
from modelhub.dlv.indexing import SMALLER_IS_BETTER
from modelhub.net import outline
from modelhub.net.kinds import KINDS


def test_kinds_are_templates() -> None:
    assert set(TEMPLATES) == set(KINDS)


def test_hops_pass_over_the_same_kinds() -> None:
    assert SEEN_THROUGH == outline.SEEN_THROUGH


def test_metrics_are_better_when_smaller_by_the_same_words() -> None:
    assert values._SMALLER_IS_BETTER == SMALLER_IS_BETTER
