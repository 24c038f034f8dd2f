"""Sessions and stores over real packs: dedup, deltas, bounded chains, discarded work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelhub import ids
from modelhub.codec.presets import PRESETS
from modelhub.errors import CorruptionError, NotFoundError, PermissionDeniedError
from modelhub.fs import files, seam
from modelhub.fs.layout import Layout
from modelhub.pas.scan import scan
from modelhub.pas.session import Session
from modelhub.pas.store import Place, Store
from modelhub.tensors.arrays import TensorSpec

SHAPE = (64, 32)


class Disk:
    """A packs folder and an index of what was finished in it."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        files.make_dir(self.layout.packs_dir)
        self.places: dict[bytes, Place] = {}

    def session(self, depth_max: int = 3) -> Session:
        return Session(self.layout, self.places.get, depth_max=depth_max, threads=2)

    def store(self) -> Store:
        return Store(self.layout, self.places.get)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def raw(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1).view(np.uint8)


def put(disk: Disk, values: np.ndarray, base: bytes | None = None) -> bytes:
    object_id = ids.tensor_id("float32", SHAPE, raw(values))
    with disk.session() as session:
        session.add_tensor(object_id, "float32", SHAPE, raw(values), base)
        session.seal()
        disk.places.update(session.places)
    return object_id


def versions(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    first = random.standard_normal(SHAPE).astype(np.float32)
    steps = [random.standard_normal(SHAPE).astype(np.float32) * 1e-5 for _ in range(count - 1)]
    return [first, *(first + sum(steps[: n + 1]) for n in range(count - 1))]


def test_chains_stay_bounded_and_exact(disk: Disk) -> None:
    arrays = versions(12)
    stored: list[bytes] = []
    for array in arrays:
        stored.append(put(disk, array, stored[-1] if stored else None))
    store = disk.store()
    depths = [store.entry(object_id).depth for object_id in stored]
    assert max(depths) == 3
    assert depths.count(0) == 1
    for array, object_id in zip(arrays, stored, strict=True):
        assert store.read(object_id).data.tobytes() == array.tobytes()


def test_layouts_change_how_a_tensor_is_stored_and_not_what_it_is(disk: Disk) -> None:
    values, _ = versions(2)
    object_id = put(disk, values)
    spec = TensorSpec("float32", SHAPE)
    for layout in ("progressive", "ordinary"):
        with disk.session() as session:
            assert not session.rewrite_tensor(object_id, spec, raw(values), None, layout)
            session.seal()
            disk.places.update(session.places)
        assert disk.store().entry(object_id).is_fixed == (layout == "progressive")
        assert disk.store().read(object_id).data.tobytes() == values.tobytes()
    odd = np.full(SHAPE, np.inf, np.float32)
    wide = np.arange(2048.0)
    for dtype, array in (("float32", odd), ("float64", wide)):
        spec = TensorSpec(dtype, array.shape)
        object_id = ids.tensor_id(dtype, spec.shape, raw(array))
        with disk.session() as session:
            session.rewrite_tensor(object_id, spec, raw(array), None, "progressive")
            session.seal()
            disk.places.update(session.places)
        assert not disk.store().entry(object_id).is_fixed
        assert disk.store().read(object_id).data.tobytes() == array.tobytes()


def test_leading_bytes_are_exact_through_a_chain(disk: Disk) -> None:
    first, second = versions(2)
    object_id = put(disk, second, put(disk, first))
    assert disk.store().entry(object_id).base is not None
    whole = disk.store().read(object_id)
    for planes in (1, 2, 3):
        read = disk.store().read(object_id, planes=planes)
        keep = np.uint32(0xFFFFFFFF << (8 * (4 - planes)) & 0xFFFFFFFF)
        assert (read.data.view(np.uint32) == second.reshape(-1).view(np.uint32) & keep).all()
        assert read.bytes_read <= whole.bytes_read
    assert disk.store().read(object_id, planes=2).bytes_read < whole.bytes_read


def test_rows_read_alone(disk: Disk) -> None:
    first, second = versions(2)
    object_id = put(disk, second, put(disk, first))
    read = disk.store().read(object_id, rows=(5, 9))
    assert read.data.tobytes() == second[5:9].tobytes()


def test_a_base_of_the_same_session_is_read(disk: Disk) -> None:
    first, second = versions(2)
    with disk.session() as session:
        names = []
        for array, base in ((first, None), (second, 0)):
            object_id = ids.tensor_id("float32", SHAPE, raw(array))
            wanted = None if base is None else names[base]
            session.add_tensor(object_id, "float32", SHAPE, raw(array), wanted)
            names.append(object_id)
        session.seal()
        assert (session.tally.whole, session.tally.delta) == (1, 1)
        disk.places.update(session.places)
    assert disk.store().read(names[1]).data.tobytes() == second.tobytes()


def test_equal_tensors_are_stored_once(disk: Disk) -> None:
    (array,) = versions(1)
    object_id = put(disk, array)
    with disk.session() as session:
        session.add_tensor(object_id, "float32", SHAPE, raw(array))
        session.seal()
        assert session.tally.known == 1
        assert session.packs == []


def test_a_session_that_fails_leaves_nothing(disk: Disk) -> None:
    (array,) = versions(1)
    object_id = ids.tensor_id("float32", SHAPE, raw(array))

    def fail() -> None:
        with disk.session() as session:
            session.add_tensor(object_id, "float32", SHAPE, raw(array))
            session.seal()
            session.add_object(ids.BLOB, b"more")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert files.list_dir(disk.layout.packs_dir) == []


def test_a_pack_is_closed_beyond_its_size(disk: Disk) -> None:
    blobs = [bytes([number]) * 1000 for number in range(4)]
    with Session(disk.layout, disk.places.get, depth_max=0, pack_bytes_max=1) as session:
        names = [session.add_object(ids.BLOB, blob) for blob in blobs]
        assert len(session.packs) == 4
        disk.places.update(session.places)
    assert [disk.store().blob(name) for name in names] == blobs


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_gives_back_what_was_stored(disk: Disk, preset: str) -> None:
    (array,) = versions(1)
    object_id = ids.tensor_id("float32", SHAPE, raw(array))
    with Session(disk.layout, disk.places.get, depth_max=0, preset=preset) as session:
        session.add_tensor(object_id, "float32", SHAPE, raw(array))
        session.seal()
        disk.places.update(session.places)
    assert disk.store().read(object_id).data.tobytes() == array.tobytes()


def test_what_lay_at_a_packs_place_is_not_this_sessions_to_discard(disk: Disk) -> None:
    object_id = put(disk, versions(1)[0])
    path = disk.layout.pack_path(disk.places[object_id].pack.hex())

    def fail_to_rename(operation: str, path: Path) -> None:
        if operation == "rename":
            raise PermissionDeniedError("no")

    def write_again() -> None:
        with Session(disk.layout, lambda object_id: None, depth_max=0) as session:
            session.add_tensor(object_id, "float32", SHAPE, raw(versions(1)[0]))
            seam.set_hook(fail_to_rename)
            session.seal()

    with pytest.raises(PermissionDeniedError):
        write_again()
    seam.set_hook(None)
    assert path.exists()


def test_a_pack_that_came_out_again_is_not_this_sessions_to_discard(disk: Disk) -> None:
    object_id = put(disk, versions(1)[0])
    with disk.session() as session:
        session.rewrite_tensor(object_id, TensorSpec("float32", SHAPE), raw(versions(1)[0]), None)
        session.seal()
        assert session.packs == [disk.places[object_id].pack]
        session.discard()
    assert disk.store().read(object_id).data.tobytes() == versions(1)[0].tobytes()


def test_packs_are_found_again_without_an_index(disk: Disk) -> None:
    first, second = versions(2)
    object_id = put(disk, second, put(disk, first))
    index = scan(disk.layout)
    assert index.places == disk.places
    store = Store(disk.layout, index.locate)
    assert store.read(object_id).data.tobytes() == second.tobytes()


def test_what_is_missing_is_named(disk: Disk) -> None:
    object_id = put(disk, versions(1)[0])
    with pytest.raises(NotFoundError, match="00" * 32):
        disk.store().read(bytes(32))
    files.remove(disk.layout.pack_path(disk.places[object_id].pack.hex()))
    with pytest.raises(CorruptionError, match="is missing"):
        disk.store().read(object_id)


def test_a_rewritten_pack_is_found_again(disk: Disk) -> None:
    (array,) = versions(1)
    object_id = put(disk, array)
    old = disk.places[object_id]
    places = iter([old])

    def locate(key: bytes) -> Place | None:
        return next(places, disk.places.get(key))

    with disk.session() as session:
        session.add_object(ids.BLOB, b"another pack has another name")
        session.copy(disk.store().reader(old.pack), old.index)
        session.seal()
        disk.places.update(session.places)
    files.remove(disk.layout.pack_path(old.pack.hex()))
    assert Store(disk.layout, locate).read(object_id).data.tobytes() == array.tobytes()


def test_a_blob_is_checked_against_its_id(disk: Disk) -> None:
    with disk.session() as session:
        good = session.add_object(ids.BLOB, b"right")
        session.seal()
        disk.places.update(session.places)
    other = ids.object_id(ids.BLOB, b"wrong")
    disk.places[other] = disk.places[good]
    with pytest.raises(CorruptionError, match="does not match its id"):
        disk.store().blob(other)
