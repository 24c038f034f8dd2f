"""ONNX files of whole models, by both of torch's exporters, against onnxruntime."""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from modelhub import containers
from modelhub.errors import BadInputError, ModelHubError
from modelhub.fs.files import InputFile
from modelhub.net import build
from modelhub.net.clean_names import Unique, clean, clean_names
from modelhub.net.from_onnx import from_onnx
from tests.net.models import MODELS
from tests.net.test_onnx_ops import compare, floats, ints, model

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

FREE = {"lstm": (0, 1), "gru": (0, 1), "encoder": (0, 1)}


@pytest.fixture(autouse=True)
def _no_fast_path() -> Any:
    torch.manual_seed(0)
    # Neither exporter knows the fused kernel.
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def exported(module: nn.Module, inputs: Any, free: tuple[int, ...], dynamo: bool) -> bytes:
    module.eval()
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            pytest.importorskip("onnxscript")
            dynamic = [dict.fromkeys(free, torch.export.Dim.DYNAMIC)]
            program = torch.onnx.export(
                module, (inputs,), dynamo=True, dynamic_shapes=dynamic, verbose=False
            )
            return program.model_proto.SerializeToString()
        names = {place: f"free{place}" for place in free}
        torch.onnx.export(
            module,
            (inputs,),
            out,
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": names},
        )
    return out.getvalue()


def case(name: str) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    if name == "alexnet":  # its adaptive pool divides without a rest at this size only
        return MODELS[name].make(), torch.randn(2, 3, 40, 40), torch.randn(3, 3, 40, 40)
    made = MODELS[name]
    return made.make(), made.inputs(2), made.inputs(3)


OLD = ["mlp", "lenet", "alexnet", "vgg", "resnet", "mobile", "unet", "lstm", "gru", "vit"]
NEW = ["resnet", "mobile", "encoder"]


@pytest.mark.parametrize(
    ("name", "dynamo"), [*((name, False) for name in OLD), *((name, True) for name in NEW)]
)
def test_models(name: str, dynamo: bool) -> None:
    module, inputs, others = case(name)
    data = exported(module, inputs, FREE.get(name, (0,)), dynamo)
    key = onnx.load_model_from_string(data).graph.input[0].name
    network = compare(data, {key: inputs.numpy()}, {key: others.numpy()})
    assert network.executable


def test_bert() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=20,
    )  # fmt: skip
    bert = transformers.BertModel(config, add_pooling_layer=False)

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, tokens: Any) -> Any:
            return self.bert(input_ids=tokens).last_hidden_state

    data = exported(Last(), torch.randint(0, 30, (2, 7)), (0, 1), True)
    network = compare(data, {"tokens": torch.randint(0, 30, (3, 5)).numpy()})
    kinds = [node.kind for node in network.nodes]
    assert (kinds.count("EMBED"), kinds.count("LN")) == (3, 3)
    assert kinds.count("FULL") >= 6


def test_names_are_those_of_the_file_and_of_the_container(tmp_path: Any) -> None:
    module, inputs, _ = case("resnet")
    data = exported(module, inputs, (0,), False)
    network = from_onnx(data)
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with InputFile(path) as file:
        names = [tensor.name for tensor in containers.parse(file, "onnx").tensors]
    assert {tensor.name for tensor in network.tensors} == set(clean_names(names).values())
    assert "fc.weight" in names
    assert any(name.startswith("onnx::Conv") for name in names)
    nodes = {node.name: node for node in network.nodes}
    assert nodes["conv1.Conv"].kind == "CONV"
    assert nodes["layer1.layer1.0.conv1.Conv"].inputs == ("relu.Relu",)
    assert nodes["fc.Gemm"].parameters == ("fc.weight", "fc.bias")


def test_batch_norm_and_dropout_follow_the_mode() -> None:
    weights = {"w": floats(4), "b": floats(4), "m": floats(4), "v": np.abs(floats(4))}
    x = floats(2, 4, 8, 8)
    module = build(from_onnx(model("BatchNormalization", {"x": x}, weights, 18)), weights)
    before = module.state_dict()["m"].clone()
    module.train()(torch.from_numpy(x))
    assert not torch.equal(before, module.state_dict()["m"])
    assert {name for name, _ in module.named_parameters()} == {"w", "b"}
    dropout = build(from_onnx(model("Dropout", {"x": x}, {}, 18)), {})
    assert (dropout.train()(torch.ones(2, 4, 8, 8)) == 0).any()


def test_all_unknown_operators_are_named() -> None:
    nodes = [
        helper.make_node("NonMaxSuppression", ["x"], ["y"]),
        helper.make_node("Relu", ["y"], ["z"]),
        helper.make_node("If", ["z"], ["q"]),
        helper.make_node("Thing", ["q"], ["r"], domain="com.example"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph(nodes, "g", [x], [helper.make_empty_tensor_value_info("r")])
    with pytest.raises(BadInputError, match=r"If, NonMaxSuppression, com\.example\.Thing"):
        from_onnx(helper.make_model(graph).SerializeToString())


def hostile(**changes: Any) -> bytes:
    node = helper.make_node("Add", ["x", changes.get("reads", "w")], ["y"], name="add")
    x = helper.make_tensor_value_info("x", changes.get("dtype", 1), changes.get("shape", [2, 3]))
    y = helper.make_empty_tensor_value_info(changes.get("gives", "y"))
    stored = numpy_helper.from_array(changes.get("array", floats(3)), "w")
    return helper.make_model(
        helper.make_graph([node] * changes.get("times", 1), "g", [x], [y], [stored])
    ).SerializeToString()


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"nonsense", "no ONNX model"),
        (hostile(reads="q"), "which nothing before it gives"),
        (hostile(gives="q"), "nothing gives the output"),
        (hostile(array=floats(7)), "do not go together"),
        (hostile(dtype=TensorProto.STRING), "dtype 8"),
        (hostile(times=20_001), "20001 nodes"),
        (hostile(shape=[1 << 40, 2]), "values in 64 dimensions"),
        (hostile(shape=[1] * 65), "values in 64 dimensions"),
        (hostile()[:-20], ""),
    ],
)
def test_damaged_models(data: bytes, word: str) -> None:
    with pytest.raises(ModelHubError, match=word):
        from_onnx(data)


def test_absurd_shapes_take_no_memory() -> None:
    data = model("ConstantOfShape", {}, {"s": ints(1 << 38, 1 << 38)}, 18)
    with pytest.raises(BadInputError):
        from_onnx(data)
    large = from_onnx(model("ConstantOfShape", {}, {"s": ints(1 << 20, 1 << 19)}, 18))
    assert large.nodes[0].values[0].shape[1] == 1 << 19


def test_values_in_other_files_are_refused(tmp_path: Any) -> None:
    made = onnx.load_model_from_string(
        model("Add", {"x": floats(2, 4000)}, {"w": floats(4000)}, 18)
    )
    onnx.save(made, str(tmp_path / "m.onnx"), save_as_external_data=True, location="m.data")
    with pytest.raises(BadInputError, match="lie in other files"):
        from_onnx(tmp_path / "m.onnx")


def test_equal_names_cost_no_square() -> None:
    names = clean_names(f"a{'~' * n}".replace("~", chr(0x2603 + n % 7)) for n in range(300))
    assert len(set(names.values())) == 300
    unique = Unique(["x", "x_2"])
    assert [unique.name("x") for _ in range(3)] == ["x_1", "x_3", "x_4"]
    assert len({unique.name("y") for _ in range(100_000)}) == 100_000


def test_clean_names() -> None:
    names = clean_names(["/a/b/Conv", "onnx::MatMul_1", "half", "a", "a.b", "x y", "x_y", "", "-n"])
    assert names["/a/b/Conv"] == "a.b.Conv"
    assert names["onnx::MatMul_1"] == "onnx__MatMul_1"
    assert names["half"] == "half_"
    assert (names["x_y"], names["x y"]) == ("x_y", "x_y_1")
    assert (names["a"], names["a.b"]) == ("a_1", "a.b_1")
    assert names["-n"] == "_-n"
    assert len(set(names.values())) == len(names)
    again = clean_names(reversed(names))
    assert again == names
    assert clean_names(["conv.weight"]) == {"conv.weight": "conv.weight"}
    assert len(clean("x" * 9000)) < 512
    assert clean("ü/…") == "_._"


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "onnx"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "modelhub.net.onnx_graph", raising=False)
    with pytest.raises(ModelHubError, match=r"modelhub-dlv\[onnx\]"):
        from_onnx(b"")


def test_the_guide_lists_the_operators() -> None:
    onnx_module = pytest.importorskip("modelhub.net.onnx_module")
    guide = Path(__file__).parents[2] / "docs" / "guide" / "networks-in-files.md"
    text = guide.read_text().partition("Operators: ")[2].partition(". ")[0]
    listed = {word for word in text.replace("(CRD)", "").split() if word}
    assert listed == {*onnx_module.FUNCTIONS, "Constant"}
