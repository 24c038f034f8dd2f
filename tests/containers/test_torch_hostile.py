"""Torch files that lie or attack: each is refused with its own kind, and nothing in them runs."""

from __future__ import annotations

import builtins
import collections
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from modelhub import containers
from modelhub.containers import limits
from modelhub.fs.files import InputFile
from modelhub.tensors.arrays import TensorSpec


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.parts = (function, arguments)

    def __reduce__(self):
        return self.parts


class Own:
    """A class of somebody's own."""


GLOBAL_TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
NO_HOOKS = b"\x89ccollections\nOrderedDict\n)R"


def number(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def numbers(values) -> bytes:
    return b"(" + b"".join(number(value) for value in values) + b"t"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def storage(key="0", count=4, kind=b"ctorch\nFloatStorage\n") -> bytes:
    return b"(" + text("storage") + kind + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(offset=0, size=(4,), stride=(1,), **options) -> bytes:
    body = storage(**options) + number(offset) + numbers(size) + numbers(stride) + NO_HOOKS
    return GLOBAL_TENSOR + b"(" + body + b"tR"


def program(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


def in_dict(body: bytes, name="a") -> bytes:
    return program(b"}" + text(name) + body + b"s")


FLOATS = [("0", np.arange(4, dtype=np.float32).tobytes())]


def test_a_tensor_by_hand_is_read(lab):
    path = lab.torch_zip("a.pt", in_dict(tensor()), FLOATS)
    assert torch.load(path)["a"].tolist() == [0, 1, 2, 3]
    assert lab.read(path).tensors["a"] == (TensorSpec("float32", (4,)), FLOATS[0][1])


def attacks(mark):
    return {
        "os_system": Call(os.system, f"touch {mark}"),
        "subprocess": Call(subprocess.check_call, ["touch", mark]),
        "eval": Call(builtins.eval, f"open({mark!r}, 'w')"),
        "exec": Call(builtins.exec, f"open({mark!r}, 'w')"),
        "open": Call(builtins.open, mark, "w"),
        "getattr": Call(builtins.getattr, "x", "upper"),
        "import": Call(builtins.__import__, "antigravity"),
        "pickle_loads": Call(pickle.loads, pickle.dumps(1)),
        "torch_load": Call(torch.load, mark),
        "numpy_load": Call(np.load, mark),
        "own_class": Own(),
        "module": torch.nn.Linear(2, 2),
        "functools_partial": collections.defaultdict(os.getcwd, {1: 2}),
    }


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("case", attacks("x"))
def test_pickles_that_call_are_refused_and_do_not_run(lab, case, protocol, legacy, monkeypatch):
    mark = str(lab.folder / "ran")
    modules = set(sys.modules)
    path = lab.folder / "model.pt"
    value = {"a": torch.ones(2), "evil": attacks(mark)[case]}
    # Tests are imported under a name that pickle cannot find again.
    monkeypatch.setitem(sys.modules, Own.__module__, sys.modules.get(Own.__module__, Own))
    monkeypatch.setattr(sys.modules[Own.__module__], "Own", Own, raising=False)
    torch.save(value, path, _use_new_zipfile_serialization=not legacy, pickle_protocol=protocol)
    error = lab.refused(path, "unsafe_pickle")
    assert "--as-file" in str(error)
    assert "state_dict" in str(error)
    assert not os.path.exists(mark)
    assert "antigravity" not in set(sys.modules) - modules


def test_the_name_that_was_asked_for_is_told(lab):
    path = lab.torch_zip("a.pt", lab.pickled(Call(os.system, "true")))
    assert f"{os.name}.system" in str(lab.refused(path, "unsafe_pickle"))


@pytest.mark.parametrize(
    "body",
    [
        b"(X\x02\x00\x00\x00lsios\nsystem\n",
        b"(cos\nsystem\nX\x02\x00\x00\x00lso",
        b"\x82\x01",
        b"\x83\x01\x00",
        b"\x84\x01\x00\x00\x00",
        b"P0\n",
        b"\x97",
        b"ctorch\nfloat32\n)R",
        b"ctorch.Size\n__reduce__\n",
        b"cbuiltins\ngetattr\n",
        b"c__builtin__\napply\n",
        b"cos\nsystem\n\x8c\x02ls\x85R",
        b"\x8c\x05posix\x8c\x06system\x93",
        b"\x8c\x05torch\x8c\x0c_utils.\x5f\x5fx\x5f\x5f\x93",
        b"N)R",
        b"ccollections\nOrderedDict.fromkeys\n",
    ],
)
def test_instructions_that_make_instances_are_refused(lab, body):
    lab.refused(lab.torch_zip("a.pt", program(body)), "unsafe_pickle")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"0",
        b"h\x05",
        b"NNs",
        b"}NNNes",
        b"(}Nu",
        b"\x80\x09",
        b"\xff",
        b"X\xff\xff\xff\xff",
        b"\x8e" + struct.pack("<Q", 2**62),
        b"\x96" + struct.pack("<Q", 2**40),
        b"\x8d" + struct.pack("<Q", 2**63),
        b"\x95" + struct.pack("<Q", 2**63) + b"\xfe",
        b"L" + b"9" * 5000 + b"L\n",
        b"\x8b" + struct.pack("<i", -1),
        b"Fnothing\n",
        b"I1",
        b"\x8c\x02\xff\xff",
        b"NQ",
        b"(" + text("module") + b"NNNNtQ",
        b"(" + text("storage") + b"N" + text("0") + text("cpu") + number(1) + b"tQ",
        storage(count=-1),
        b"(" + text("storage") + b"ctorch\nfloat32\n" + text("0") + text("cpu") + number(1) + b"tQ",
        GLOBAL_TENSOR + b"NR",
        GLOBAL_TENSOR + b")R",
        GLOBAL_TENSOR + b"(" + b"N" * 7 + b"tR",
        GLOBAL_TENSOR + b"(" + b"N" * 64 + b"tR",
        b"c_codecs\nencode\n(" + text("x") + text("rot13") + b"tR",
        tensor(size=(2, 2), stride=(1,)),
        tensor(size=(-4,)),
        tensor(stride=(-1,)),
        tensor(offset=-1),
        tensor(size=(2**63,)),
        b"ccollections\nOrderedDict\n)}" + text("k") + b"Ns\x92",
    ],
)  # fmt: skip
def test_damaged_pickles_are_refused(lab, body):
    lab.refused(lab.torch_zip("a.pt", program(body), FLOATS), "bad_header")


def test_a_pickle_without_an_end(lab):
    lab.refused(lab.torch_zip("a.pt", in_dict(tensor())[:-1], FLOATS), "bad_header")
    lab.refused(lab.torch_zip("a.pt", b"", FLOATS), "bad_header")


LIES = {
    "storage_missing": ({"key": "9"}, "bad_header"),
    "storage_too_short": ({"count": 5}, "truncated"),
    "view_past_the_end": ({"size": (5,)}, "bad_shape"),
    "offset_past_the_end": ({"offset": 1}, "bad_shape"),
    "strides_past_the_end": ({"size": (2, 2), "stride": (3, 1)}, "bad_shape"),
    "wide_dtype": ({"kind": b"ctorch\nDoubleStorage\n"}, "truncated"),
    "shape_overflows": ({"size": (2**62, 2**62), "stride": (0, 0)}, "bad_shape"),
    "expanded_past_all_use": ({"size": (limits.TENSOR_BYTES_MAX,), "stride": (0,)}, "bad_shape"),
}


@pytest.mark.parametrize("case", LIES)
def test_tensors_that_do_not_fit_their_storage(lab, case):
    options, kind = LIES[case]
    lab.refused(lab.torch_zip("a.pt", in_dict(tensor(**options)), FLOATS), kind)


def test_the_largest_expanded_view(lab):
    count = limits.TENSOR_BYTES_MAX // 4
    path = lab.torch_zip("a.pt", in_dict(tensor(size=(count,), stride=(0,))), FLOATS)
    with InputFile(path) as file:
        (entry,) = containers.parse(file, "torch").tensors
    assert (entry.shape, entry.strides) == ((count,), (0,))


def test_deep_nesting(lab):
    for body in (b"]" * 100_000 + b"a" * 99_999, b")" + b"\x85" * 100_000):
        lab.refused(lab.torch_zip("a.pt", program(body)), "bad_header")


def test_a_list_that_holds_itself(lab):
    lab.refused(lab.torch_zip("a.pt", program(b"]q\x00h\x00a")), "bad_header")


def test_nesting_at_the_limit(lab):
    for depth, accepted in ((limits.NEST_MAX, True), (limits.NEST_MAX + 1, False)):
        body = b"]" * depth + b"K\x07" + b"a" * depth
        path = lab.torch_zip("a.pt", program(body))
        if accepted:
            assert list(lab.read(path).parsed.metadata.values()) == [7]
        else:
            lab.refused(path, "bad_header")


def test_lists_shared_without_end(lab):
    # Each level holds the one below ten times: 10^40 values in 40 lists.
    level = b"(" + b"h\x00" * 10 + b"lq\x00"
    lab.refused(lab.torch_zip("a.pt", program(b"]q\x00" + level * 40)), "bad_header")


def test_keys_that_would_take_for_ever_to_hash(lab):
    doubled = b")q\x000" + b"h\x00h\x00\x86q\x000" * 60
    path = lab.torch_zip("a.pt", program(doubled + b"}h\x00K\x01s"))
    assert lab.read(path).parsed.notes


def test_a_memo_index_that_would_take_all_memory(lab):
    body = b"]r\xff\xff\xff\xff" + b"0j\xff\xff\xff\xff"
    assert lab.read(lab.torch_zip("a.pt", program(body))).names == []


def test_too_many_instructions(lab, monkeypatch):
    monkeypatch.setattr("modelhub.containers.pickle_safe.PICKLE_OPS_MAX", 100)
    assert lab.read(lab.torch_zip("a.pt", program(b"N0" * 49 + b"N")[2:])).names == []
    lab.refused(lab.torch_zip("a.pt", program(b"N0" * 50 + b"N")[2:]), "bad_header")


def test_a_pickle_past_the_limit_of_size(lab):
    body = b"X" + struct.pack("<I", limits.PICKLE_BYTES_MAX) + bytes(limits.PICKLE_BYTES_MAX)
    path = lab.torch_zip("a.pt", program(body), method=zipfile.ZIP_DEFLATED)
    lab.refused(path, "bad_header")


def test_one_name_twice(lab):
    twice = b"}" + (text("a") + tensor() + b"s") * 2
    lab.refused(lab.torch_zip("a.pt", program(twice), FLOATS), "duplicate_name")
    dotted = torch.ones(1)
    path = lab.folder / "b.pt"
    torch.save({"a.b": dotted, "a": {"b": dotted}}, path)
    lab.refused(path, "duplicate_name")


def test_names_that_cannot_be_kept(lab):
    surrogate = b"X\x03\x00\x00\x00\xed\xa0\x80"
    body = b"}" + surrogate + tensor() + b"s"
    lab.refused(lab.torch_zip("a.pt", program(body), FLOATS), "bad_name")
    lab.refused(lab.torch_zip("a.pt", in_dict(tensor(), "n" * 4097), FLOATS), "bad_name")


def test_a_deflated_archive_gives_the_same_tensors(lab):
    path = lab.torch_zip("a.pt", in_dict(tensor()), FLOATS, zipfile.ZIP_DEFLATED)
    read = lab.read(path)
    assert read.tensors["a"] == (TensorSpec("float32", (4,)), FLOATS[0][1])
    assert read.storage_of("a").offset is None


ARCHIVES = {
    "no_pickle": ([("archive/data/0", b"abcd")], "bad_header"),
    "two_pickles": ([("a/data.pkl", b"N."), ("b/data.pkl", b"N.")], "bad_header"),
    "pickle_too_deep": ([("a/b/data.pkl", b"N.")], "bad_header"),
    "byte_order_unknown": ([("a/data.pkl", b"N."), ("a/byteorder", b"middle")], "bad_header"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives_of_another_kind(lab, case):
    members, kind = ARCHIVES[case]
    lab.refused(lab.zip("a.pt", members), kind)


def test_a_record_twice(lab):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = lab.torch_zip("a.pt", in_dict(tensor()), FLOATS * 2)
    lab.refused(path, "duplicate_name")


def test_a_script_module_is_refused(lab):
    path = lab.folder / "a.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    lab.refused(path, "unsafe_pickle")


def test_a_big_endian_file_is_kept_whole(lab):
    members = [("a/data.pkl", in_dict(tensor())), ("a/byteorder", b"big"), ("a/data/0", bytes(16))]
    read = lab.read(lab.zip("a.pt", members))
    assert read.names == []
    assert "big-endian" in read.parsed.notes[0]


@pytest.mark.parametrize("size", [0, 1, 30, 300, -1, -30])
def test_files_cut_short(lab, size):
    path = lab.folder / "a.pt"
    torch.save({"a": torch.ones(100)}, path)
    data = path.read_bytes()[:size]
    kind = "truncated" if size == 0 or len(data) >= 4 else "bad_header"
    lab.refused(lab.write("cut.pt", data), kind)


def legacy(lab, value=None):
    path = lab.folder / "legacy.pt"
    value = {"a": torch.arange(4.0), "b": torch.ones(2)} if value is None else value
    torch.save(value, path, _use_new_zipfile_serialization=False)
    return path.read_bytes()


def test_legacy_files_cut_anywhere(lab):
    data = legacy(lab)
    for size in range(0, len(data), 7):
        error = lab.refused(lab.write("cut.pt", data[:size]), kind_of_cut(data, size))
        assert error


def kind_of_cut(data, size):
    storages = data.rindex(b"q\x00(X") if size else 0
    last_pickle = data.index(b".", storages)
    if size == 0 or size > last_pickle:
        return "truncated"
    return "bad_header"


def test_legacy_bytes_at_the_end_are_kept(lab):
    read = lab.read(lab.write("a.pt", legacy(lab) + b"more"))
    assert list(read.parsed.pieces())[-1][0] == "literal"


def pickles(*values):
    return b"".join(pickle.dumps(value, 2) for value in values)


MAGIC = 0x1950A86A20F9469CFC6C
MACHINE = {"protocol_version": 1001, "little_endian": True}
LEGACY = {
    "version": (pickles(MAGIC, 1002, MACHINE, None, []), "bad_header"),
    "machine": (pickles(MAGIC, 1001, [], None, []), "bad_header"),
    "keys_no_list": (pickles(MAGIC, 1001, MACHINE, None, {}), "bad_header"),
    "keys_no_text": (pickles(MAGIC, 1001, MACHINE, None, [1]), "bad_header"),
    "key_twice": (pickles(MAGIC, 1001, MACHINE, None, ["0", "0"]), "duplicate_name"),
    "key_unused": (pickles(MAGIC, 1001, MACHINE, None, ["0"]), "bad_header"),
    "storage_missing": (
        pickles(MAGIC, 1001, MACHINE) + in_dict(tensor()) + pickles([]),
        "bad_header",
    ),
    "count_negative": (
        pickles(MAGIC, 1001, MACHINE) + in_dict(tensor()) + pickles(["0"])
        + struct.pack("<q", -4) + bytes(64),
        "truncated",
    ),
    "count_absurd": (
        pickles(MAGIC, 1001, MACHINE) + in_dict(tensor()) + pickles(["0"])
        + struct.pack("<q", 2**62) + bytes(64),
        "truncated",
    ),
    "machine_calls": (pickles(MAGIC, 1001, Call(os.system, "true")), "unsafe_pickle"),
}  # fmt: skip


@pytest.mark.parametrize("case", LEGACY)
def test_legacy_files_that_lie(lab, case):
    data, kind = LEGACY[case]
    lab.refused(lab.write("a.pt", data), kind)


def test_a_legacy_view_of_a_storage(lab):
    view = b"(" + text("v") + number(2) + number(2) + b"t"
    body = (
        b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
        + number(4) + view + b"tQ"
    )  # fmt: skip
    whole = (
        GLOBAL_TENSOR + b"(" + body + number(0) + numbers((2,)) + numbers((1,)) + NO_HOOKS + b"tR"
    )
    data = pickles(MAGIC, 1001, MACHINE) + in_dict(whole) + pickles(["0"])
    data += struct.pack("<q", 4) + FLOATS[0][1]
    path = lab.write("a.pt", data)
    assert torch.load(path)["a"].tolist() == [2, 3]
    assert lab.read(path).tensors["a"] == (TensorSpec("float32", (2,)), FLOATS[0][1][8:])


def test_a_big_endian_legacy_file_is_kept_whole(lab):
    machine = {**MACHINE, "little_endian": False}
    data = pickles(MAGIC, 1001, machine) + in_dict(tensor()) + pickles(["0"]) + bytes(24)
    read = lab.read(lab.write("a.pt", data))
    assert read.names == []
    assert "big-endian" in read.parsed.notes[0]


def test_a_numpy_array_that_lies(lab):
    data = lab.pickled({"a": np.arange(4)})
    assert b"K\x04\x85" in data
    path = lab.torch_zip("a.pt", data.replace(b"K\x04\x85", b"K\x05\x85"))
    lab.refused(path, "bad_shape")


def test_numpy_objects_stay_inert(lab):
    read = lab.read(lab.torch_zip("a.pt", lab.pickled({"a": np.array([{}])})))
    assert read.names == []
    assert read.parsed.notes == ["a: a numpy array, kept in the file only"]
    evil = np.array([Call(os.system, "true")], object)
    lab.refused(lab.torch_zip("a.pt", lab.pickled({"a": evil})), "unsafe_pickle")
