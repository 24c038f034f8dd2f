"""Each ONNX operator by itself: the network's values are those of onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from modelhub.errors import BadInputError
from modelhub.net import build, from_json, to_json
from modelhub.net.from_onnx import from_onnx

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RNG = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


X4 = floats(2, 4, 8, 8)
X3 = floats(2, 4, 8)
X2 = floats(3, 8)
LSTM = (floats(1, 24, 5), floats(1, 24, 6), floats(1, 48))
GRU = (floats(2, 18, 5), floats(2, 18, 6), floats(2, 36))


def model(
    op: str, inputs: dict[str, np.ndarray], stored: dict[str, Any], opset: int, **attributes: Any
) -> bytes:
    """Return a model of one node, whose first inputs are given and the others stored."""
    outputs = attributes.pop("outputs", ["y"])
    free = 0 if attributes.get("transA") else 1
    order = attributes.pop("order", [*inputs, *stored])
    node = helper.make_node(op, order, outputs, name=f"my/{op}", **attributes)
    ends = [
        helper.make_tensor_value_info(
            name,
            helper.np_dtype_to_tensor_dtype(array.dtype),
            [*("batch",)[:free], *array.shape[free:]] if array.ndim else [],
        )
        for name, array in inputs.items()
    ]
    returned = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph(
        [node],
        "g",
        ends,
        returned,
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return onnx.shape_inference.infer_shapes(made).SerializeToString()


def compare(data: bytes, *batches: dict[str, np.ndarray]) -> Any:
    """Run the file in onnxruntime and as a network read back from its JSON; return the network."""
    network = from_json(to_json(from_onnx(data)))
    proto = onnx.load_model_from_string(data).graph
    weights = {one.name: numpy_helper.to_array(one) for one in proto.initializer}
    module = build(network, weights)
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for inputs in batches:
        expected = session.run(None, inputs)
        with torch.no_grad():
            found = module(*(torch.from_numpy(array) for array in inputs.values()))
        found = list(found.values()) if isinstance(found, dict) else [found]
        for left, right in zip(expected, found, strict=True):
            assert left.shape == tuple(right.shape)
            assert str(right.dtype)[6:] == left.dtype.name
            assert np.allclose(left, right.numpy(), rtol=1e-4, atol=1e-5)
    return network


# op, inputs, stored, attributes; the operator set is 18 unless `opset` says otherwise.
Row = tuple[str, dict[str, np.ndarray], dict[str, np.ndarray], dict[str, Any]]
ROWS: list[Row] = [
    ("Conv", {"x": X4}, {"w": floats(6, 4, 3, 3), "b": floats(6)}, {"pads": [1, 1, 1, 1]}),
    ("Conv", {"x": X4}, {"w": floats(6, 2, 3, 3)}, {"group": 2, "strides": [2, 1]}),
    ("Conv", {"x": X4}, {"w": floats(4, 4, 3, 3)}, {"pads": [0, 1, 2, 1], "dilations": [1, 2]}),
    ("Conv", {"x": X4}, {"w": floats(4, 4, 3, 3)}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("Conv", {"x": X3}, {"w": floats(4, 4, 4)}, {"auto_pad": "SAME_LOWER"}),
    ("ConvTranspose", {"x": X4}, {"w": floats(4, 3, 3, 3), "b": floats(3)}, {"strides": [2, 2]}),
    (
        "ConvTranspose",
        {"x": X4},
        {"w": floats(4, 3, 3, 3)},
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    ),
    ("Gemm", {"x": X2}, {"w": floats(5, 8), "b": floats(5)}, {"transB": 1}),
    ("Gemm", {"x": X2}, {"w": floats(8, 5), "b": floats(5)}, {"alpha": 0.5, "beta": 2.0}),
    ("Gemm", {"x": X2}, {"w": floats(8, 5)}, {}),
    ("Gemm", {"x": floats(8, 8)}, {"w": floats(8, 5), "b": floats(8, 5)}, {"transA": 1}),
    ("MatMul", {"x": X3}, {"w": floats(8, 5)}, {}),
    ("MatMul", {"x": X3, "z": floats(2, 8, 3)}, {}, {}),
    ("Add", {"x": X3}, {"w": floats(8)}, {}),
    ("Sub", {"x": X3}, {"w": np.float32(2).reshape(())}, {"order": ["w", "x"]}),
    ("Mul", {"x": X3, "z": X3}, {}, {}),
    ("Div", {"x": X3}, {"w": floats(1)}, {}),
    ("Div", {"x": np.array([[7, -7]], np.int64)}, {"w": ints(2)}, {}),
    ("Mod", {"x": np.array([[7, -7]], np.int64)}, {"w": ints(3)}, {}),
    ("Pow", {"x": np.abs(X3)}, {"w": np.float32(1.5).reshape(())}, {}),
    ("Equal", {"x": np.array([[1, 2, 3]], np.int64)}, {"w": ints(2)}, {}),
    ("Less", {"x": X3}, {"w": floats(8)}, {}),
    ("GreaterOrEqual", {"x": X3, "z": X3}, {}, {}),
    ("And", {"x": X3 > 0, "z": X3 > 1}, {}, {}),
    ("Where", {"c": X3 > 0, "x": X3}, {"w": np.float32(-9).reshape(())}, {}),
    ("Min", {"x": X3, "z": floats(2, 4, 8)}, {"w": floats(8)}, {}),
    ("Max", {"x": X3}, {"w": floats(8)}, {}),
    ("Sum", {"x": X3, "z": X3}, {}, {}),
    ("Relu", {"x": X3}, {}, {}),
    ("LeakyRelu", {"x": X3}, {}, {"alpha": 0.3}),
    ("PRelu", {"x": X4}, {"w": floats(4, 1, 1)}, {}),
    ("PRelu", {"x": X4}, {"w": floats(1)}, {}),
    ("PRelu", {"x": X4}, {"w": floats(8)}, {}),
    ("Elu", {"x": X3}, {}, {"alpha": 0.7}),
    ("Selu", {"x": X3}, {}, {}),
    ("Celu", {"x": X3}, {}, {"alpha": 0.7}),
    ("ThresholdedRelu", {"x": X3}, {}, {"alpha": 0.4}),
    ("Sigmoid", {"x": X3}, {}, {}),
    ("HardSigmoid", {"x": X3}, {}, {}),
    ("HardSigmoid", {"x": X3}, {}, {"alpha": 1 / 6, "beta": 0.5}),
    ("HardSwish", {"x": X3}, {}, {}),
    ("Mish", {"x": X3}, {}, {}),
    ("Softplus", {"x": X3}, {}, {}),
    ("Softsign", {"x": X3}, {}, {}),
    ("Tanh", {"x": X3}, {}, {}),
    ("Erf", {"x": X3}, {}, {}),
    ("Gelu", {"x": X3}, {}, {"opset": 20}),
    ("Gelu", {"x": X3}, {}, {"opset": 20, "approximate": "tanh"}),
    ("Softmax", {"x": X4}, {}, {"axis": 1}),
    ("Softmax", {"x": X4}, {}, {"opset": 11}),
    ("LogSoftmax", {"x": X2}, {}, {}),
    ("MaxPool", {"x": X4}, {}, {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("MaxPool", {"x": X4}, {}, {"kernel_shape": [3, 3], "pads": [0, 0, 2, 1], "ceil_mode": 1}),
    ("AveragePool", {"x": X4}, {}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    (
        "AveragePool",
        {"x": X4},
        {},
        {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1], "count_include_pad": 1},
    ),
    ("AveragePool", {"x": X3}, {}, {"kernel_shape": [2], "strides": [2]}),
    ("GlobalAveragePool", {"x": X4}, {}, {}),
    ("GlobalMaxPool", {"x": X4}, {}, {}),
    (
        "BatchNormalization",
        {"x": X4},
        {"w": floats(4), "b": floats(4), "m": floats(4), "v": np.abs(floats(4))},
        {"epsilon": 1e-3},
    ),
    ("LayerNormalization", {"x": X3}, {"w": floats(8), "b": floats(8)}, {}),
    ("LayerNormalization", {"x": X3}, {"w": floats(4, 8)}, {"axis": 1}),
    ("InstanceNormalization", {"x": X4}, {"w": floats(4), "b": floats(4)}, {}),
    (
        "GroupNormalization",
        {"x": X4},
        {"w": floats(4), "b": floats(4)},
        {"num_groups": 2, "opset": 21},
    ),
    ("LRN", {"x": X4}, {}, {"size": 3, "alpha": 0.1}),
    ("Dropout", {"x": X3}, {}, {}),
    ("Flatten", {"x": X4}, {}, {}),
    ("Flatten", {"x": X4}, {}, {"axis": 2}),
    ("Flatten", {"x": X4}, {}, {"axis": 0}),
    ("Reshape", {"x": X4}, {"s": ints(0, 4, -1)}, {}),
    ("Reshape", {"x": X4}, {"s": ints(0, -1)}, {}),
    ("Reshape", {"x": X3}, {"s": ints(0, 0, 2, 4)}, {}),
    ("Transpose", {"x": X4}, {}, {"perm": [0, 2, 3, 1]}),
    ("Squeeze", {"x": floats(2, 1, 3, 1)}, {"a": ints(1, 3)}, {}),
    ("Squeeze", {"x": floats(2, 1, 3, 1)}, {}, {"axes": [1], "opset": 11}),
    ("Unsqueeze", {"x": X3}, {"a": ints(-1, 1)}, {}),
    ("Concat", {"x": X3, "z": X3}, {}, {"axis": -1}),
    ("Split", {"x": X3}, {"s": ints(1, 3)}, {"axis": 1, "outputs": ["y", "z"]}),
    ("Split", {"x": X3}, {}, {"axis": 2, "outputs": ["y", "z", "q"], "num_outputs": 3}),
    (
        "Slice",
        {"x": X4},
        {"s": ints(1, 0), "e": ints(3, 2**62), "a": ints(1, 3), "t": ints(1, 2)},
        {},
    ),
    ("Slice", {"x": X3}, {"s": ints(-1), "e": ints(-(2**62)), "a": ints(2), "t": ints(-1)}, {}),
    ("Slice", {"x": X3}, {}, {"starts": [1], "ends": [-1], "axes": [2], "opset": 9}),
    (
        "Gather",
        {"i": np.array([[1, 2], [0, 4]], np.int64)},
        {"w": floats(5, 3)},
        {"order": ["w", "i"]},
    ),
    ("Gather", {"x": X3}, {"i": np.array(-1, np.int64)}, {"axis": 1}),
    ("Gather", {"x": X3}, {"i": np.array([[0, -1]], np.int64)}, {"axis": 2}),
    ("GatherElements", {"x": X2, "i": np.zeros((3, 2), np.int64)}, {}, {"axis": 1}),
    ("ReduceMean", {"x": X4}, {}, {"axes": [2, 3], "opset": 13}),
    ("ReduceMean", {"x": X4}, {"a": ints(1)}, {"keepdims": 0}),
    ("ReduceSum", {"x": X4}, {"a": ints(-1)}, {}),
    ("ReduceSum", {"x": X4}, {}, {"noop_with_empty_axes": 1}),
    ("ReduceMax", {"x": X4}, {"a": ints(1, 2)}, {}),
    ("ReduceL2", {"x": X4}, {"a": ints(1)}, {}),
    ("ArgMax", {"x": X3}, {}, {"axis": 2, "keepdims": 0}),
    ("TopK", {"x": X3}, {"k": ints(3)}, {"outputs": ["y", "z"]}),
    ("Pad", {"x": X4}, {"p": ints(0, 0, 1, 2, 0, 0, 3, 0)}, {}),
    ("Pad", {"x": X4}, {"p": ints(0, 0, 1, 2, 0, 0, 1, 1)}, {"mode": "reflect"}),
    ("Pad", {"x": X3}, {}, {"pads": [0, 0, 1, 0, 0, 1], "value": 2.0, "opset": 10}),
    (
        "Resize",
        {"x": X4},
        {"s": np.array([1, 1, 2, 3], np.float32)},
        {"order": ["x", "", "s"], "mode": "nearest"},
    ),
    (
        "Resize",
        {"x": X4},
        {"s": np.array([1, 1, 1.5, 2], np.float32)},
        {
            "order": ["x", "", "s"],
            "mode": "nearest",
            "nearest_mode": "floor",
            "coordinate_transformation_mode": "asymmetric",
        },
    ),
    (
        "Resize",
        {"x": X4},
        {"s": np.array([1, 1, 2, 2], np.float32)},
        {"order": ["x", "", "s"], "mode": "linear"},
    ),
    (
        "Resize",
        {"x": X4},
        {"s": ints(2, 4, 12, 20)},
        {
            "order": ["x", "", "", "s"],
            "mode": "linear",
            "coordinate_transformation_mode": "align_corners",
        },
    ),
    ("Upsample", {"x": X4}, {"s": np.array([1, 1, 2, 2], np.float32)}, {"opset": 9}),
    ("Clip", {"x": X3}, {"l": np.float32(-0.5).reshape(()), "h": np.float32(0.5).reshape(())}, {}),
    ("Clip", {"x": X3}, {}, {"min": 0.0, "max": 6.0, "opset": 6}),
    ("Sqrt", {"x": np.abs(X3)}, {}, {}),
    ("Cast", {"x": X3}, {}, {"to": TensorProto.INT64}),
    ("Shape", {"x": X3}, {}, {}),
    ("ConstantOfShape", {}, {"s": ints(2, 3)}, {}),
    ("Expand", {"x": floats(2, 1, 3)}, {"s": ints(5, 1)}, {}),
    ("Tile", {"x": X3}, {"r": ints(1, 2, 1)}, {}),
    ("Trilu", {"x": X3}, {}, {"upper": 0}),
    ("CumSum", {"x": X3}, {"a": np.array(1, np.int64)}, {}),
    ("Einsum", {"x": X3, "z": X3}, {}, {"equation": "bij,bkj->bik"}),
    ("DepthToSpace", {"x": X4}, {}, {"blocksize": 2, "mode": "CRD"}),
    ("Identity", {"x": X3}, {}, {}),
    (
        "LSTM",
        {"x": floats(7, 2, 5)},
        dict(zip("wrb", LSTM, strict=True)),
        {"hidden_size": 6, "outputs": ["y", "h", "c"]},
    ),
    (
        "GRU",
        {"x": floats(7, 2, 5)},
        dict(zip("wrb", GRU, strict=True)),
        {
            "hidden_size": 6,
            "direction": "bidirectional",
            "linear_before_reset": 1,
            "outputs": ["y", "h"],
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_values_of_onnxruntime(row: Row) -> None:
    op, inputs, stored, attributes = row
    opset = attributes.get("opset", 18)
    rest = {name: value for name, value in attributes.items() if name != "opset"}
    network = compare(model(op, inputs, stored, opset, **rest), inputs)
    named = any(node.name.startswith("my.") for node in network.nodes)
    assert named or op in ("Shape", "ConstantOfShape")


REFUSED: list[Row] = [
    ("MaxPool", {"x": X4}, {}, {"kernel_shape": [2, 2], "outputs": ["y", "i"]}),
    ("LRN", {"x": X4}, {}, {"size": 4}),
    ("Mod", {"x": X3}, {"w": floats(1)}, {"fmod": 1}),
    ("CumSum", {"x": X3}, {"a": np.array(1, np.int64)}, {"reverse": 1}),
    ("Reshape", {"x": X3, "s": ints(2, -1)}, {}, {}),
    ("Softmax", {"x": X3}, {}, {"axis": 7}),
    ("Resize", {"x": X4}, {"s": np.array([1, 1, 0.4, 2], np.float32)}, {"order": ["x", "", "s"]}),
    ("GRU", {"x": floats(7, 2, 5)}, dict(zip("wrb", GRU, strict=True)), {"hidden_size": 6}),
    ("LSTM", {"x": floats(7, 2, 5)}, {"w": LSTM[0], "r": LSTM[1]}, {"direction": "reverse"}),
]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row[0])
def test_what_is_not_the_same_is_refused(row: Row) -> None:
    op, inputs, stored, attributes = row
    data = model_without_check(op, inputs, stored, attributes)
    with pytest.raises(BadInputError) as caught:
        from_onnx(data)
    assert f"my/{op}" in str(caught.value)
    assert op in str(caught.value)


def model_without_check(op: str, inputs: Any, stored: Any, attributes: Any) -> bytes:
    try:
        return model(op, inputs, stored, 18, **dict(attributes))
    except onnx.shape_inference.InferenceError:
        node = helper.make_node(op, [*inputs, *stored], ["y"], name=f"my/{op}", **attributes)
        ends = [helper.make_tensor_value_info(n, 1, list(a.shape)) for n, a in inputs.items()]
        graph = helper.make_graph([node], "g", ends, [helper.make_empty_tensor_value_info("y")])
        return helper.make_model(graph).SerializeToString()
