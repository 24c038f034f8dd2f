"""ONNX files: what `onnx` itself reads, and what hostile ones do."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelhub.containers import limits
from tests.containers.conftest import Lab


def model(*initializers: TensorProto, **options) -> onnx.ModelProto:
    node = helper.make_node("Identity", ["x"], ["y"], name="copy")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([node], "g", [x], [y], list(initializers))
    return helper.make_model(graph, producer_name="tests", **options)


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, data: bytes | int) -> bytes:
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: bytes = b"w", dims=(2,), dtype: int = 1, values: bytes | None = b"12345678"):
    data = b"".join(field(1, size) for size in dims) + field(2, dtype) + field(8, name)
    return data + (b"" if values is None else field(9, values))


def file_of(*tensors: bytes, rest: bytes = b"") -> bytes:
    graph = field(2, b"g") + b"".join(field(5, one) for one in tensors)
    return field(1, 8) + field(7, graph) + rest


def test_what_onnx_reads(lab: Lab) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "conv.weight": rng.standard_normal((3, 2, 3, 3)).astype(np.float32),
        "onnx::MatMul_7": rng.standard_normal((4, 5)),
        "half": rng.standard_normal(7).astype(np.float16),
        "brain": rng.standard_normal(7).astype(ml_dtypes.bfloat16),
        "index": np.arange(9),
        "flag": np.array([True, False]),
        "scalar": np.float32(3.5).reshape(()),
        "empty": np.empty((0, 3), np.float32),
        "complex": np.array([1 + 2j], np.complex64),
        "eight": np.arange(6, dtype=np.uint8).reshape(2, 3),
    }
    made = model(*(numpy_helper.from_array(array, name) for name, array in arrays.items()))
    path = lab.write("m.onnx", made.SerializeToString())
    read = lab.check(path, arrays)
    assert read.parsed.metadata["producer_name"] == "tests"
    assert read.parsed.metadata["opset"] == made.opset_import[0].version
    assert read.parsed.notes == []


def test_typed_values(lab: Lab) -> None:
    typed = [
        helper.make_tensor("f", TensorProto.FLOAT, [2, 2], [1.0, 2.0, 3.0, 4.5]),
        helper.make_tensor("d", TensorProto.DOUBLE, [2], [1.0, 2.0]),
        helper.make_tensor("i", TensorProto.INT64, [3], [1, 2, 3]),
        helper.make_tensor("h", TensorProto.FLOAT16, [2], [1.0, 2.0]),
        helper.make_tensor("s", TensorProto.STRING, [1], [b"text"]),
    ]
    path = lab.write("m.onnx", model(*typed).SerializeToString())
    expected = {
        "f": np.array([[1.0, 2.0], [3.0, 4.5]], np.float32),
        "d": np.array([1.0, 2.0]),
    }
    read = lab.check(path, expected)
    assert len(read.parsed.notes) == 2
    assert any("2 initializers" in note and "one by one" in note for note in read.parsed.notes)


def test_values_in_other_files_stay_there(lab: Lab) -> None:
    made = model(
        numpy_helper.from_array(np.ones(4000, np.float32), "far"),
        numpy_helper.from_array(np.ones(4, np.float32), "near"),
    )
    path = lab.folder / "m.onnx"
    onnx.save(
        made, str(path), save_as_external_data=True, location="m.data", convert_attribute=False
    )
    read = lab.check(path, {"near": np.ones(4, np.float32)})
    assert any("1 initializers" in n and "other files" in n for n in read.parsed.notes)
    assert lab.read(lab.folder / "m.data").names == []


def test_packed_and_single_dims_are_the_same(lab: Lab) -> None:
    packed = field(1, varint(2) + varint(1)) + field(2, 1) + field(8, b"w") + field(9, bytes(8))
    lab.check(lab.write("m.onnx", file_of(packed)), {"w": np.zeros((2, 1), np.float32)})


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "bad_header"),
        (field(1, 8), "bad_header"),
        (field(7, b""), "bad_header"),
        (file_of(tensor()) + field(7, field(2, b"again")), "bad_header"),
        (file_of(tensor(), tensor()), "duplicate_name"),
        (file_of(tensor(dims=(3,))), "bad_shape"),
        (file_of(tensor(dims=(1,))), "bad_shape"),
        (file_of(tensor(dims=((1 << 64) - 1,))), "bad_shape"),
        (file_of(tensor(dims=(1 << 40, 1 << 40))), "bad_shape"),
        (file_of(tensor(dims=(1,) * 65)), "bad_shape"),
        (file_of(tensor(values=None)), "bad_header"),
        (file_of(tensor() + field(9, bytes(8))), "bad_header"),
        (file_of(tensor(name=b"\xff")), "bad_name"),
        (file_of(tensor(name=b"x" * (limits.NAME_BYTES_MAX + 1))), "bad_name"),
        (file_of(tensor())[:-3], "truncated"),
        (field(7, bytes(5))[:-1], "truncated"),
        (b"\x80", "truncated"),
        (b"\x08" + b"\x80" * 10 + b"\x01", "bad_header"),
        (b"\x08" + b"\xff" * 9 + b"\x7f", "bad_header"),
        (b"\x00\x01", "bad_header"),
        (b"\x0b", "bad_header"),
        (b"\x0f", "bad_header"),
        (b"\x09\x01\x02", "truncated"),
        (varint(7 << 3 | 2) + varint((1 << 64) - 1), "truncated"),
    ],
)
def test_hostile_files(lab: Lab, data: bytes, kind: str) -> None:
    error = lab.refused(lab.write("m.onnx", data), kind)
    assert error.exit_status == 6


def test_nested_messages_are_not_walked(lab: Lab) -> None:
    deep = b""
    for _ in range(2000):
        deep = field(5, field(6, deep))
    graph = field(2, b"g") + field(1, deep) + field(5, tensor())
    path = lab.write("m.onnx", field(7, graph))
    assert lab.read(path).names == ["w"]


def test_the_number_of_fields_is_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(tensor(), rest=field(1, 8) * 40)
    count = 1 + 1 + 40 + 2 + 4
    monkeypatch.setattr("modelhub.containers.protobuf.PROTOBUF_FIELDS_MAX", count)
    assert lab.read(lab.write("m.onnx", data)).names == ["w"]
    monkeypatch.setattr("modelhub.containers.protobuf.PROTOBUF_FIELDS_MAX", count - 1)
    lab.refused(lab.write("m.onnx", data), "bad_header")


def test_every_cut_is_noticed(lab: Lab) -> None:
    made = model(numpy_helper.from_array(np.ones(3, np.float32), "w")).SerializeToString()
    for size in range(len(made)):
        lab.survives(lab.write("m.onnx", made[:size]), "onnx")
