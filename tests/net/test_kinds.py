"""Kinds of ops."""

from __future__ import annotations

import pytest

from modelhub.net.kinds import AUX, KINDS, kind_of, mode_of
from modelhub.net.ops import table


@pytest.mark.parametrize("name", sorted(table()))
def test_every_allowed_op_has_a_kind(name: str) -> None:
    assert kind_of(name) in KINDS - {"OTHER"}


@pytest.mark.parametrize(
    ("op", "kind", "mode"),
    [
        ("aten.conv2d.default", "CONV", ""),
        ("aten.linear.default", "FULL", ""),
        ("aten.max_pool2d.default", "POOL", "MAX"),
        ("aten.adaptive_avg_pool2d.default", "POOL", "AVG"),
        ("aten.scaled_dot_product_attention.default", "ATTN", ""),
        ("aten.view.default", AUX, ""),
        ("sym.size", AUX, ""),
        ("aten.from_file.default", "OTHER", ""),
    ],
)
def test_kinds(op: str, kind: str, mode: str) -> None:
    assert (kind_of(op), mode_of(op)) == (kind, mode)


def test_sums_of_whole_numbers_are_aux() -> None:
    assert kind_of("aten.add.Tensor", "int64") == AUX
    assert kind_of("aten.add.Tensor", "bfloat16") == "ADD"
