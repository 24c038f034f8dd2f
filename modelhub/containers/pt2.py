"""Read the structure of a .pt2 file, the archive that `torch.export.save` writes.

It is a zip of stored members: for each model a graph in JSON, a *config* in JSON that says which
member holds which weight, and the raw bytes of each storage. Example inputs are a pickle, which is
not read. Weights that torch pickled (older layouts, tensor subclasses) are read as torch files are,
by the reader that runs nothing, and constants, compiled code and extras stay bytes of the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from modelhub.containers import torch_zip, zip_index
from modelhub.containers.limits import PT2_CONFIG_BYTES_MAX, check_name
from modelhub.containers.model import Parsed, Readable
from modelhub.containers.torch_build import Record, build
from modelhub.containers.torch_table import StorageRef, TensorRef
from modelhub.containers.torch_tree import Found
from modelhub.containers.zip_index import Member, read_member, read_members
from modelhub.errors import BadInputError
from modelhub.net.scalar_types import SCALAR_TYPES
from modelhub.tensors.arrays import TensorSpec, from_bytes, strided, to_bytes

__all__ = ["Program", "parse", "read_program"]

_CONFIG = re.compile(r"(?:[^/]+/)?data/weights/(.+)_weights_config\.json")
_CONSTANTS = re.compile(r"(?:[^/]+/)?data/constants/(.+)_constants_config\.json")
_PICKLED_CONSTANTS = re.compile(r"(?:[^/]+/)?(?:data/constants/.+|serialized_constants)\.pt")
# Of all constants together; a network holds no more.
_CONSTANT_BYTES_MAX = 1 << 20
# torch 2.7 pickled all weights of a model; older ones wrote one program at the top of the archive.
_PICKLED = re.compile(r"(?:[^/]+/)?(?:data/weights/(.+)|serialized_state_dict)\.pt")
_PROGRAM = re.compile(r"(?:[^/]+/)?(?:models/.+|serialized_exported_program)\.json")
_ORDER = re.compile(r"(?:[^/]+/)?byteorder")
_STRIDED = 7
_SIZE_MAX = 1 << 63


@dataclass(frozen=True, slots=True)
class _Window:
    """The bytes of a stored member as a file of its own."""

    file: Readable
    member: Member

    @property
    def path(self) -> Path:
        """The path of the archive."""
        return self.file.path

    @property
    def size(self) -> int:
        """The member's bytes."""
        return self.member.size

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the member; raises BadInputError past its end."""
        if offset < 0 or size < 0 or offset + size > self.member.size:
            _bad(f"{self.member.name[:80]!r} ends early", str(self.path), kind="truncated")
        return self.file.read(self.member.offset + offset, size)


def _bad(found: str, where: str, expected: str = "", kind: str = "bad_header") -> NoReturn:
    raise BadInputError(
        found,
        expected=expected,
        where=where,
        hint="to keep the file unread, run `modelhub add --as-file PATH`",
        kind=kind,
    )


@dataclass(frozen=True, slots=True)
class Program:
    """What a network is made of.

    Attributes:
        program: The JSON of the program.
        constants: The bytes of each constant that could be read, in C order.
        ties: For weights that are one storage, seen in the same way: a name for all of them.
    """

    program: Any
    constants: Mapping[str, bytes]
    ties: Mapping[str, str]


def parse(file: Readable) -> Parsed:
    """Return the structure of a .pt2 file; nothing in it is run.

    With several models in one archive, the names of weights begin with the model's.

    Raises:
        BadInputError: kind truncated, bad_header, bad_shape, bad_name, duplicate_name or
            unsafe_pickle.
    """
    where = str(file.path)
    magic = zip_index.MAGIC
    if file.size < len(magic) or file.read(0, len(magic)) != magic:
        _bad("no zip archive", where, "one, as torch.export.save writes it")
    members = {member.name: member for member in read_members(file)}
    configs = [match for name in members if (match := _CONFIG.fullmatch(name))]
    pickled = [match for name in members if (match := _PICKLED.fullmatch(name))]
    if not any(_PROGRAM.fullmatch(name) for name in members):
        _bad("a zip archive without a program", where, "models/NAME.json")
    big = _is_big(file, members)
    one = len(configs) + len(pickled) == 1
    parsed = Parsed("pt2", file.size, [], [], {}, [], {})
    for match in configs:
        prefix = "" if one else f"{match.group(1)}."
        made = _weights(file, members, match.group(), prefix, big)
        parsed = _joined(parsed, made)
    for match in pickled:
        prefix = "" if one else f"{match.group(1) or 'state_dict'}."
        parsed = _joined(parsed, _torch_file(file, members[match.group()], prefix))
    if not configs and not pickled:
        parsed.notes.append("no weights were found in it; the file is kept as it is")
    parsed.check(where)
    return parsed


def _is_big(file: Readable, members: Mapping[str, Member]) -> bool:
    """Say whether the archive's raw tensors are big-endian."""
    order = next((members[name] for name in members if _ORDER.fullmatch(name)), None)
    return order is not None and read_member(file, order, 0, 16) == b"big"


def read_program(file: Readable) -> Program:
    """Return the one program of a .pt2 file, with its constants; no pickle is run.

    Constants that are objects, not tensors, are left out.

    Raises:
        BadInputError: as `parse`, and where there are several programs.
    """
    where = str(file.path)
    members = {member.name: member for member in read_members(file)}
    programs = [member for name, member in members.items() if _PROGRAM.fullmatch(name)]
    if len(programs) != 1:
        _bad(f"an archive with {len(programs)} programs", where, "one")
    parsed = Parsed("pt2", file.size, [], [])
    for name, member in members.items():
        if _CONSTANTS.fullmatch(name):
            parsed = _joined(parsed, _weights(file, members, name, "", _is_big(file, members)))
        elif _PICKLED_CONSTANTS.fullmatch(name):
            parsed = _joined(parsed, _torch_file(file, member, ""))
    constants: dict[str, bytes] = {}
    room = _CONSTANT_BYTES_MAX
    for tensor in parsed.tensors:
        storage = parsed.storages[tensor.storage]
        spec = TensorSpec(tensor.dtype, tensor.shape)
        room -= max(storage.nbytes, spec.nbytes)
        if room < 0 or storage.offset is None:
            continue
        data = file.read(storage.offset, storage.nbytes)
        if tensor.strides is None:
            array = from_bytes(data, spec)
        else:
            array = strided(data, spec, tensor.offset_elements, tensor.strides)
        constants[tensor.name] = to_bytes(array).tobytes()
    return Program(_read_json(file, programs[0]), constants, _ties(parse(file)))


def _ties(parsed: Parsed) -> dict[str, str]:
    first: dict[tuple[Any, ...], str] = {}
    found = {}
    for tensor in parsed.tensors:
        view = (
            tensor.storage,
            tensor.dtype,
            tensor.shape,
            tensor.offset_elements,
            tensor.strides,
        )
        found[tensor.name] = first.setdefault(view, tensor.name)
    return found


def _read_json(file: Readable, member: Member) -> Any:
    """Return the JSON of a member.

    Raises:
        BadInputError: kind bad_header, it is no JSON or too long; truncated.
    """
    where = str(file.path)
    if member.size > PT2_CONFIG_BYTES_MAX:
        limit = f"at most {PT2_CONFIG_BYTES_MAX}"
        _bad(f"{member.name[:80]!r} of {member.size} bytes", where, limit)
    try:
        return json.loads(read_member(file, member), object_pairs_hook=partial(_unique, where))
    except (ValueError, RecursionError) as error:
        _bad(f"{member.name[:80]!r} is no JSON ({str(error)[:80]})", where)


def _unique(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _bad("a key that stands twice in JSON", where, kind="duplicate_name")
    return found


def _weights(
    file: Readable, members: Mapping[str, Member], config: str, prefix: str, big: bool
) -> Parsed:
    where = str(file.path)
    value = _read_json(file, members[config])
    rows = value.get("config") if isinstance(value, dict) else None
    if not isinstance(rows, dict):
        _bad(f"{config[:80]!r} without weights", where, "an object `config`")
    folder = config.rpartition("/")[0]
    found = Found()
    nested: list[tuple[str, Member]] = []
    for name, row in rows.items():
        check_name(prefix + name, where)
        key, tensor = _row(name, row, where)
        if tensor is not None:
            found.tensors.append((prefix + name, tensor))
        elif f"{folder}/{key}" in members:
            nested.append((prefix + name, members[f"{folder}/{key}"]))
    parsed = replace(build(file, found, _locator(file, members, folder), big), kind="pt2")
    for name, member in nested:
        made = _torch_file(file, member, name)
        renamed = [replace(tensor, name=name) for tensor in made.tensors]
        parsed = _joined(parsed, replace(made, tensors=renamed if len(renamed) == 1 else []))
    return parsed


def _row(name: str, row: Any, where: str) -> tuple[str, TensorRef | None]:
    """Return the member of a weight and the view that the weight is; None if it is a pickle."""
    try:
        key, pickled, meta = row["path_name"], row["use_pickle"], row["tensor_meta"]
        if not isinstance(key, str) or not isinstance(pickled, bool):
            raise TypeError("path_name or use_pickle")
        if pickled:
            return key, None
        dtype = SCALAR_TYPES.get(meta["dtype"], "") if meta["layout"] == _STRIDED else ""
        shape, strides = _sizes(meta["sizes"]), _sizes(meta["strides"])
        (offset,) = _sizes([meta["storage_offset"]])
        if len(shape) != len(strides):
            raise ValueError("sizes and strides")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        _bad(f"weight {name[:64]!r} is not described as torch does ({str(error)[:60]})", where)
    # What the storage must hold follows from the view; there is no count of its own.
    return key, TensorRef(StorageRef(key, dtype, 0), dtype, offset, shape, strides)


def _sizes(values: Any) -> tuple[int, ...]:
    sizes = tuple(value["as_int"] for value in values)
    if len(sizes) > 64 or not all(type(size) is int and 0 <= size < _SIZE_MAX for size in sizes):
        raise ValueError("a size that is no number")
    return sizes


def _locator(file: Readable, members: Mapping[str, Member], folder: str) -> Callable[[str], Record]:
    def locate(key: str) -> Record:
        member = members.get(f"{folder}/{key}")
        if member is None:
            _bad(f"no member {key[:80]!r}", str(file.path), "one for each weight")
        if member.stored:
            return Record(member.offset, member.size)
        return Record(None, member.size, partial(read_member, file, member))

    return locate


def _torch_file(file: Readable, member: Member, prefix: str) -> Parsed:
    """Return the structure of a torch file that is a member, with its names below `prefix`."""
    empty = Parsed("pt2", file.size, [], [])
    window = _Window(file, member)
    if not member.stored or window.read(0, min(4, member.size)) != zip_index.MAGIC:
        empty.notes.append(f"{member.name[:80]}: kept as bytes, not as tensors")
        return empty
    made = torch_zip.parse(window)
    storages = [
        storage
        if storage.offset is None
        else replace(storage, offset=storage.offset + member.offset)
        for storage in made.storages
    ]
    tensors = [replace(tensor, name=prefix + tensor.name) for tensor in made.tensors]
    return replace(made, kind="pt2", size=file.size, storages=storages, tensors=tensors)


def _joined(first: Parsed, second: Parsed) -> Parsed:
    start = len(first.storages)
    moved = [replace(storage, index=start + storage.index) for storage in second.storages]
    tensors = [replace(tensor, storage=start + tensor.storage) for tensor in second.tensors]
    detached = {start + index: load for index, load in second.detached.items()}
    return replace(
        first,
        storages=first.storages + moved,
        tensors=first.tensors + tensors,
        metadata={**first.metadata, **second.metadata},
        notes=first.notes + second.notes,
        detached={**first.detached, **detached},
    )
