"""The index built from packs: of several copies of an object, ones whose chains end."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modelhub import ids
from modelhub.fs import files
from modelhub.fs.layout import Layout
from modelhub.pas.scan import scan
from modelhub.pas.session import Base, Session
from modelhub.pas.store import Store
from modelhub.tensors.arrays import TensorSpec

RNG = np.random.default_rng(0)
SPEC = TensorSpec("float32", (5000,))


def layout_of(root: Path) -> Layout:
    layout = Layout(root)
    for folder in (layout.dot, layout.packs_dir):
        files.make_dir(folder)
    return layout


def put(layout: Layout, raw: np.ndarray, base: Base | None) -> bytes:
    """Write one tensor into a pack of its own."""
    object_id = ids.tensor_id(SPEC.dtype, SPEC.shape, raw)
    with Session(layout, lambda _: None, depth_max=8) as session:
        assert session.rewrite_tensor(object_id, SPEC, raw, base) == (base is not None)
        session.seal()
    return object_id


def test_old_and_new_copies_make_no_circle(tmp_path: Path) -> None:
    """What entries tell of their depth is of the past, and here leads astray."""
    layout = layout_of(tmp_path)
    first = RNG.standard_normal(5000).astype("f4")
    arrays = [first + RNG.standard_normal(5000).astype("f4") * 1e-5 * n for n in range(3)]
    raw = [array.view(np.uint8) for array in arrays]
    names = [ids.tensor_id(SPEC.dtype, SPEC.shape, data) for data in raw]

    def base(number: int, depth: int) -> Base:
        return Base(names[number], depth, SPEC, raw[number])

    # Once 1 stood on 0, when 0 stood alone. Now 0 stands on 1, 1 on 2, and 2 alone.
    put(layout, raw[1], base(0, 0))
    put(layout, raw[0], base(1, 6))
    put(layout, raw[1], base(2, 5))
    put(layout, raw[2], None)
    index = scan(layout)
    assert [index.depths[name] for name in names] == [2, 1, 0]
    store = Store(layout, index.locate)
    for name, data in zip(names, raw, strict=True):
        assert store.read(name).data.tobytes() == data.tobytes()
    store.close()


def test_what_has_lost_its_base_is_still_told(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    first = RNG.standard_normal(5000).astype("f4")
    second = first + RNG.standard_normal(5000).astype("f4") * 1e-5
    raw = [array.view(np.uint8) for array in (first, second)]
    lost = ids.tensor_id(SPEC.dtype, SPEC.shape, raw[0])
    name = put(layout, raw[1], Base(lost, 3, SPEC, raw[0]))
    index = scan(layout)
    assert index.bases == {name: lost}
    assert index.depths == {name: 4}
