from __future__ import annotations

import pytest

from modelhub.progressive.schedule import layers, sloped, uniform

torch = pytest.importorskip("torch")

from tests.net.models import MODELS  # noqa: E402
from tests.progressive.boxes_of import network_and_weights  # noqa: E402


def _network(name: str) -> object:
    torch.manual_seed(0)
    case = MODELS[name]
    return network_and_weights(case.make(), case.inputs(2))[0]


def test_layers_are_numbered_from_the_input_and_leave_vectors_alone() -> None:
    assert layers(_network("lenet")) == {
        "conv1.weight": 0,
        "conv2.weight": 1,
        "fc1.weight": 2,
        "fc2.weight": 3,
    }


def test_a_tied_tensor_has_the_number_of_its_first_reader() -> None:
    network = _network("encoder")
    found = layers(network)
    (tied,) = [t for t in network.tensors if t.tied]
    assert tied.name not in found
    assert found[tied.tied] == 0
    planes = sloped(network, 4, 8)
    assert planes[tied.name] == planes[tied.tied] == 4


def test_a_sloped_schedule_gives_early_layers_more() -> None:
    planes = sloped(_network("lenet"), 8, 7)
    # 8, 15, 22 and 29 bits from the last layer to the first.
    assert [planes[f"{name}.weight"] for name in ("conv1", "conv2", "fc1", "fc2")] == [4, 3, 2, 1]
    assert planes["conv1.bias"] == 4


def test_bytes_stay_between_one_and_the_width() -> None:
    network = _network("lenet")
    assert {planes for name, planes in sloped(network, 0, 0).items() if "weight" in name} == {1}
    assert set(sloped(network, 90, 90).values()) == {4}
    assert uniform(network, 2)["fc1.weight"] == 2
    assert uniform(network, 9)["fc1.weight"] == 4


def test_tensors_that_are_not_floats_are_read_whole() -> None:
    assert uniform(_network("vgg"), 1)["1.num_batches_tracked"] == 8


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="slope=-1"):
        sloped(_network("mlp"), 8, -1)
