"""The allow-list and the check of arguments."""

from __future__ import annotations

import re

import pytest

from modelhub.net.arguments import Constant, Device, Ref, Training, TrainOnly, Weight
from modelhub.net.ops import MODE_FLAGS, check_arguments, find, ordered, table


@pytest.mark.parametrize(
    "name",
    [
        "aten.from_file.default",
        "aten.set_.source_Tensor",
        "aten.relu_.default",
        "aten._to_copy.default",
        "prims.add.default",
        "os.system",
        "sym.__import__",
        "",
    ],
)
def test_what_is_not_allowed_is_not_found(name: str) -> None:
    with pytest.raises(ValueError, match="not one that a network may hold"):
        find(name)


def test_no_allowed_op_changes_its_arguments() -> None:
    torch = pytest.importorskip("torch")
    for name in table():
        if name.startswith("aten."):
            _, base, overload = name.split(".")
            schema = getattr(getattr(torch.ops.aten, base), overload)._schema
            # Batch norm updates its running statistics, which the schema does not say.
            assert not schema.is_mutable, name


def test_schemas_are_torchs_own() -> None:
    torch = pytest.importorskip("torch")
    for name, op in table().items():
        if not name.startswith("aten."):
            continue
        _, base, overload = name.split(".")
        schema = getattr(getattr(torch.ops.aten, base), overload)._schema
        theirs = [(a.name, a.kwarg_only, not a.has_default_value()) for a in schema.arguments]
        ours = [(p.name, p.by_name, p.required) for p in op.parameters]
        # A newer torch may have more arguments at the end, all with defaults.
        assert [each for each in theirs if each in ours] == ours, name
        assert all(not required for _, _, required in theirs[len(ours) :]), name
        defaults = {a.name: a.default_value for a in schema.arguments if a.has_default_value()}
        for parameter in op.parameters:
            if isinstance(parameter.default, tuple):
                assert list(parameter.default) == defaults[parameter.name], name
        several = len(schema.returns) > 1 or "[]" in re.sub(r"\(.*\)", "", str(schema))
        assert (op.result == "Tensors") == several, name


def test_arguments_of_the_right_types() -> None:
    conv = find("aten.conv2d.default")
    good = {"input": Ref("x"), "weight": Weight("w"), "bias": None, "padding": (1, Ref("n"))}
    check_arguments(conv, good)
    check_arguments(conv, {**good, "padding": 1})
    check_arguments(find("aten.add.Tensor"), {"self": Ref("x"), "other": 1})
    check_arguments(find("aten.to.dtype"), {"self": Ref("x"), "dtype": Constant("dtype", "bool")})
    check_arguments(find("aten.zeros.default"), {"size": (1,), "device": Device()})


@pytest.mark.parametrize(
    ("op", "arguments", "reason"),
    [
        ("conv2d.default", {"input": Ref("x")}, "lacks the argument weight"),
        ("relu.default", {"self": Ref("x"), "out": Ref("y")}, "has no argument 'out'"),
        ("relu.default", {"self": 1}, "is no Tensor"),
        ("relu.default", {"self": "x"}, "is no Tensor"),
        ("cat.default", {"tensors": (Ref("x"), 2)}, r"is no Tensor\[\]"),
        ("cat.default", {"tensors": (Ref("x"),), "dim": True}, "is no int"),
        ("gelu.default", {"self": Ref("x"), "approximate": 3}, "is no str"),
        ("to.dtype", {"self": Ref("x"), "dtype": Constant("layout", "strided")}, "is no dtype"),
        ("cumsum.default", {"self": Ref("x"), "dim": 0.5}, "is no int"),
        ("layer_norm.default", {"input": Ref("x"), "normalized_shape": (Training(),)}, "is no int"),
        ("any.dim", {"self": Ref("x"), "dim": 0, "keepdim": Training()}, "follow the mode"),
        (
            "leaky_relu.default",
            {"self": Ref("x"), "negative_slope": TrainOnly(0.1)},
            "is no Scalar",
        ),
    ],
)
def test_arguments_that_are_refused(op: str, arguments: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_arguments(find(f"aten.{op}"), arguments)  # type: ignore[arg-type]


def test_flags_that_follow_the_mode_are_arguments() -> None:
    bases = {op.base: {p.name for p in op.parameters} for op in table().values()}
    assert all(flag in bases[base] for base, flag in MODE_FLAGS.items())


def test_order() -> None:
    given = {"bias": None, "weight": Weight("w"), "input": Ref("x")}
    assert list(ordered("aten.linear.default", given)) == ["input", "weight", "bias"]
