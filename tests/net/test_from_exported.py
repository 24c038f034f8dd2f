"""Programs of torch.export as networks: bit-equal, and nothing of the file is run."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from modelhub.containers import pt2
from modelhub.dlv.network_sources import from_pt2_file
from modelhub.errors import BadInputError, ModelHubError
from modelhub.fs.files import InputFile
from modelhub.net import Network, build, from_json, from_module, to_json
from modelhub.net.from_exported import from_exported
from modelhub.net.scalar_types import SCALAR_TYPES, size_text
from tests.containers.test_pt2 import archive, evil_archives
from tests.net.models import MODELS

__all__ = ["archive"]  # a fixture

AUTO = torch.export.Dim.AUTO


@pytest.fixture(autouse=True)
def _seeded() -> Any:
    torch.manual_seed(0)
    # The fused kernel of nn.TransformerEncoder rounds otherwise than the ops it stands for.
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def saved(module: nn.Module, inputs: torch.Tensor, path: Path) -> Path:
    free = {0: AUTO, 1: AUTO} if inputs.ndim == 2 else {0: AUTO}
    program = torch.export.export(module, (inputs,), dynamic_shapes=[free], strict=False)
    torch.export.save(program, path)
    return path


def run(module: nn.Module, inputs: torch.Tensor) -> list[torch.Tensor]:
    torch.manual_seed(1)
    with torch.no_grad():
        return torch.utils._pytree.tree_leaves(module(inputs))


EVAL = ["mlp", "named", "resnet", "unet", "lstm", "encoder"]
TRAIN = ["resnet", "vit"]


@pytest.mark.parametrize(
    ("name", "training"), [*((name, False) for name in EVAL), *((name, True) for name in TRAIN)]
)
def test_bit_equal(name: str, training: bool, tmp_path: Path) -> None:
    case = MODELS[name]
    module = case.make().train(training)
    path = saved(module, case.inputs(2), tmp_path / "m.pt2")
    network = from_json(to_json(from_pt2_file(path)))
    with InputFile(path) as file:
        names = {tensor.name for tensor in pt2.parse(file).tensors}
    assert {t.name for t in network.tensors if t.role != "constant"} <= names
    copied = build(network, module.state_dict()).train(training)
    inputs = case.inputs(3)
    for left, right in zip(run(module, inputs), run(copied, inputs), strict=True):
        assert torch.equal(left, right)
    if name not in ("resnet", "named"):
        return
    own = from_module(module, (case.inputs(2),), check=False)
    assert [node.name for node in network.nodes] == [node.name for node in own.nodes]
    assert network.edges == own.edges


def test_the_mode_of_the_export_stays(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4))
    x = torch.randn(6, 4)
    for training in (False, True):
        network = from_pt2_file(saved(module.train(training), x, tmp_path / "m.pt2"))
        copied = build(network, module.state_dict()).train()
        before = copied.state_dict()["1.running_mean"].clone()
        copied(x)
        assert torch.equal(before, copied.state_dict()["1.running_mean"]) is not training
        copied.eval()
        assert torch.equal(copied(x), copied(x))


class Mixed(nn.Module):
    def forward(self, x: Any, flag: bool = True, *, scale: float = 2.0) -> Any:
        first, _ = x.split(2, 1)
        with torch.no_grad():
            silent = first * scale
        best, place = x.max(1)
        wide = torch.arange(x.shape[1], device=x.device, dtype=torch.float32).to(torch.float64)
        return {
            "a": first.reshape(x.shape[0] * 2, -1),
            "b": [silent, best],
            "c": (place, None, wide),
        }


def test_blocks_sizes_and_nested_outputs(tmp_path: Path) -> None:
    x = torch.randn(3, 4)
    program = torch.export.export(
        Mixed(),
        (x, True),
        {"scale": 3.0},
        dynamic_shapes={"x": {0: AUTO}, "flag": None, "scale": None},
        strict=False,
    )
    torch.export.save(program, tmp_path / "m.pt2")
    network = from_pt2_file(tmp_path / "m.pt2")
    assert list(network.inputs) == ["x"]
    assert network.inputs["x"].shape == ("s0", 4)
    sizes = {str(size) for node in network.nodes for value in node.values for size in value.shape}
    assert "2*s0" in sizes
    other = torch.randn(5, 4)
    found, expected = build(network)(other), Mixed()(other, scale=3.0)
    assert list(found) == ["a", "b", "c"]
    left, right = (torch.utils._pytree.tree_leaves(each) for each in (found, expected))
    for one, two in zip(left, right, strict=True):
        assert one is two is None or torch.equal(one, two)


def program_of(module: nn.Module, inputs: torch.Tensor, tmp_path: Path) -> Any:
    with InputFile(saved(module, inputs, tmp_path / "m.pt2")) as file:
        return pt2.read_program(file).program


def test_all_ops_that_are_not_known_are_named(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).eval()
    x = torch.randn(1, 1, 5, 5)
    program = torch.export.export(module, (x,), strict=False).run_decompositions()
    torch.export.save(program, tmp_path / "m.pt2")
    with pytest.raises(BadInputError, match=r"aten\._native_batch_norm\S+, aten\.convolution"):
        from_pt2_file(tmp_path / "m.pt2")


def test_no_pickle_runs(archive: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for name, path in evil_archives(archive, tmp_path, marker).items():
        try:
            found = from_pt2_file(path)
        except ModelHubError:
            found = None
        assert not marker.exists(), name
        # What is not read cannot harm: example inputs are not part of the network.
        assert isinstance(found, Network) == (name in ("inputs", "objects")) or name == "objects"


def changed(program: Any, *path: Any, to: Any) -> Any:
    made = copy.deepcopy(program)
    target = made
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = to
    return made


NODE = ("graph_module", "graph", "nodes", 0)
HOSTILE: list[tuple[tuple[Any, ...], Any]] = [
    (("schema_version", "major"), 7),
    (("schema_version",), None),
    (("graph_module",), []),
    ((*NODE, "target"), "torch.ops.aten.from_file.default"),
    ((*NODE, "target"), "torch.ops.aten.__class__"),
    ((*NODE, "target"), "os.system"),
    ((*NODE, "target"), "_operator.attrgetter"),
    ((*NODE, "target"), "torch.ops.higher_order.cond"),
    ((*NODE, "target"), "torch.ops.aten.set_.source_Storage"),
    ((*NODE, "inputs", 0, "arg"), {"as_tensor": {"name": "nobody"}}),
    ((*NODE, "inputs", 0, "arg"), {"as_custom_obj": {"name": "x", "class_fqn": "y"}}),
    ((*NODE, "inputs", 0, "arg"), {"as_operator": "os.system"}),
    ((*NODE, "inputs", 0, "arg"), {}),
    ((*NODE, "inputs"), []),
    ((*NODE, "metadata", "nn_module_stack"), "k,__import__('os'),c"),
    ((*NODE, "outputs"), [{"as_custom_obj": {"name": "x"}}]),
    (("graph_module", "graph", "outputs"), [{"as_tensor": {"name": "nobody"}}]),
    (("graph_module", "graph", "inputs"), []),
    (("graph_module", "signature", "input_specs", 0), {"custom_obj": {"arg": {"name": "x"}}}),
    (("graph_module", "signature", "input_specs", 0, "parameter", "parameter_name"), "a b"),
    (("graph_module", "signature", "output_specs", 0), {"buffer_mutation": {}}),
    (("graph_module", "module_call_graph", 0, "signature", "out_spec"), "[1, []]"),
    (("graph_module", "module_call_graph", 0, "signature", "out_spec"), "(" * 9000),
    (("graph_module", "graph", "tensor_values", "x", "sizes"), [{"as_int": True}]),
    (
        ("graph_module", "graph", "tensor_values", "x", "sizes"),
        [{"as_expr": {"expr_str": "__import__('os').system('true')"}}],
    ),
    (("graph_module", "graph", "tensor_values", "x", "dtype"), 99),
]


@pytest.mark.parametrize(("path", "to"), HOSTILE)
def test_hostile_programs(path: tuple[Any, ...], to: Any, tmp_path: Path) -> None:
    program = program_of(nn.Linear(3, 2), torch.randn(2, 3), tmp_path)
    names = json.dumps(program).replace('"input"', '"x"')
    program = json.loads(names)
    for node in program["graph_module"]["graph"]["nodes"]:
        for one in node["inputs"]:
            one["name"] = "input" if one["name"] == "x" else one["name"]
    assert from_exported(program).nodes[0].op == "aten.linear.default"
    with pytest.raises(BadInputError) as caught:
        from_exported(changed(program, *path, to=to), where="m.pt2")
    assert "\n" not in str(caught.value)


def refused(program: Any, text: str) -> None:
    path = ("graph_module", "module_call_graph", 0, "signature", "out_spec")
    with pytest.raises(BadInputError):
        from_exported(changed(program, *path, to=text))


def test_a_nested_bomb_is_refused(tmp_path: Path) -> None:
    program = program_of(nn.Linear(3, 2), torch.randn(2, 3), tmp_path)
    leaf = '{"type": null, "context": null, "children_spec": []}'
    opened = '{"type": "builtins.list", "context": "null", "children_spec": ['
    for depth in (20, 20_000):
        text = f"[1, {opened * depth}{leaf}{']}' * depth}]"
        refused(program, text)
    nodes = program["graph_module"]["graph"]["nodes"] * 20_001
    with pytest.raises(BadInputError):
        from_exported(changed(program, "graph_module", "graph", "nodes", to=nodes))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("Symbol('s77', positive=True, integer=True)", "s77"),
        ("Mul(Integer(2), Symbol('s0'))", "2*s0"),
        ("Add(Symbol('s27', positive=True), Integer(-2))", "s27 - 2"),
        ("FloorDiv(Add(Symbol('s0'), Integer(1)), Integer(2))", "(s0 + 1)//2"),
        ("Mul(Integer(3), Add(Symbol('s0'), Integer(1)))", "3*(s0 + 1)"),
        ("Max(Integer(1), Symbol('s0'))", "Max(1, s0)"),
        ("Integer(7)", 7),
        ("s0", "s0"),
    ],
)
def test_sizes(text: str, size: int | str) -> None:
    assert size_text(text) == size


@pytest.mark.parametrize("text", ["", "1.5", "a.b", "(" * 3000, "x" * 5000, "[s0]", "f(*a)"])
def test_texts_that_are_no_sizes(text: str) -> None:
    with pytest.raises(ValueError):
        size_text(text)


def test_dtype_numbers_are_those_of_torch() -> None:
    from_torch = torch._export.serde.serialize._SERIALIZE_TO_TORCH_DTYPE
    for number, name in SCALAR_TYPES.items():
        assert str(from_torch[number]) == f"torch.{name}"


def test_a_program_in_memory_has_constants(tmp_path: Path) -> None:
    module = MODELS["encoder"].make().eval()
    path = saved(module, MODELS["encoder"].inputs(2), tmp_path / "m.pt2")
    with InputFile(path) as file:
        found = pt2.read_program(file)
    assert "positions" in found.constants
    assert found.ties["head.weight"] == found.ties["emb.weight"]
    with pytest.raises(BadInputError, match="positions"):
        from_exported(found.program)
    network = from_exported(found.program, constants=found.constants, ties=found.ties)
    ties = {tensor.name: tensor.tied for tensor in network.tensors if tensor.tied}
    assert ties in ({"head.weight": "emb.weight"}, {"emb.weight": "head.weight"})
    assert io.BytesIO(found.constants["positions"]).read(4)
