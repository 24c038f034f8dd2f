"""Chains that nobody looks after stay shallow and cheap to read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from modelhub import config, ids
from modelhub.dlv.bases import Bases
from modelhub.dlv.candidates import Candidates
from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import commit_content
from modelhub.dlv.memory import content_of
from modelhub.dlv.state import Repo
from modelhub.pas.scan import pack_names
from modelhub.tensors.arrays import spec_of, to_bytes

COMMITS = 40
# Of what is estimated, and of the rest of a file, which is no tensor.
SLACK = 1.05


def opened(root: Path, **settings: Any) -> Repo:
    Repo.init(root).close()
    text = config.dump(replace(config.Config(), **settings))
    (root / ".modelhub" / "config.toml").write_text(text)
    return Repo.open(root)


def put(repo: Repo, name: str, arrays: dict[str, np.ndarray]) -> None:
    commit_content(repo, name, content_of(arrays, {}, [], {}, {}))


def id_of(array: np.ndarray) -> bytes:
    spec = spec_of(array)
    return ids.tensor_id(spec.dtype, spec.shape, to_bytes(array))


def states(step: float, count: int = COMMITS) -> list[dict[str, np.ndarray]]:
    """Make a walk: each state a little off the one before."""
    random = np.random.default_rng(1)
    shapes = {"large": (500, 400), "small": (90, 30), "tiny": (100,)}
    arrays = {n: random.normal(0, 0.05, s).astype(np.float32) for n, s in shapes.items()}
    made = []
    for _ in range(count):
        made.append(arrays)
        arrays = {n: a + random.normal(0, step, a.shape).astype("f4") for n, a in arrays.items()}
    return made


@pytest.mark.parametrize(
    ("step", "settings"),
    [
        (1e-4, {}),
        (1e-6, {"recreation_max": 1.85}),
        (3e-3, {"recreation_max": 2.8}),
        (1e-6, {"chain_depth_max": 3, "recreation_max": 100.0}),
        (1e-4, {"recreation_max": 1}),
    ],
)
def test_both_bounds_hold_over_many_commits(
    tmp_path: Path, step: float, settings: dict[str, Any]
) -> None:
    made = states(step)
    with opened(tmp_path / "alone", chain_depth_max=0) as repo:
        put(repo, "model", made[0])
        alone = checkout(repo, "model", tmp_path / "out-alone").bytes_read
    depths = []
    with opened(tmp_path / "repo", **settings) as repo:
        for number, arrays in enumerate(made, 1):
            put(repo, "model", arrays)
            entries = [repo.store.entry(id_of(array)) for array in arrays.values()]
            depths.append(max(entry.depth for entry in entries))
            read = checkout(repo, f"model@{number}", tmp_path / f"out-{number}").bytes_read
            assert read <= repo.config.recreation_max * alone * SLACK
        assert max(depths) <= repo.config.chain_depth_max
        if repo.config.recreation_max > 1:
            # The bounds cost room, but do not stop deltas.
            assert depths.count(0) == 1
            assert max(depths) >= 2
        else:
            assert set(depths) == {0}


def test_a_branch_begins_at_the_nearest_entry_below(tmp_path: Path) -> None:
    made = states(1e-4, 5)
    with opened(tmp_path / "repo", chain_depth_max=3, recreation_max=100.0) as repo:
        for arrays in made:
            put(repo, "model", arrays)
        # 0 <- 1 <- 2 <- 3 is as deep as may be; 4 stands on 2, which is nearer than 1 and 0.
        found = [repo.store.entry(id_of(arrays["large"])).base for arrays in made]
        expected = [id_of(made[number]["large"]) for number in (0, 1, 2, 2)]
        assert found == [None, *expected]


def choose(repo: Repo, name: str, array: np.ndarray) -> bytes | None:
    with repo.catalog.read() as txn:
        version = txn.latest("model")
        cousins = [] if version is None else [version.snapshots[0].tree]
    with repo.session() as session:
        bases = Bases(session, Candidates(repo.catalog, [], cousins), repo.config.recreation_max)
        return bases.find(name, id_of(array), spec_of(array), to_bytes(array))


def test_a_half_precision_twin_of_a_deep_chain_is_bounded_too(tmp_path: Path) -> None:
    made = states(1e-3, 8)
    with opened(tmp_path / "repo") as repo:
        for arrays in made:
            put(repo, "model", arrays)
        half = {name: array.astype(ml_dtypes.bfloat16) for name, array in made[-1].items()}
        put(repo, "half", half)
        read = checkout(repo, "half", tmp_path / "out").bytes_read
    with opened(tmp_path / "alone", chain_depth_max=0) as repo:
        put(repo, "half", half)
        alone = checkout(repo, "half", tmp_path / "out-alone").bytes_read
    assert read <= 3 * alone * SLACK


def test_names_count_where_contents_tell_the_same(tmp_path: Path) -> None:
    """Two copies, each a little changed: the one of the same name is taken."""
    own = states(1e-3, 1)[0]["large"]
    random = np.random.default_rng(7)
    left, right = (own + random.normal(0, 1e-4, own.shape).astype("f4") for _ in range(2))
    with opened(tmp_path / "repo") as repo:
        put(repo, "model", {"left": left, "right": right})
        assert choose(repo, "left", own) == id_of(left)
        assert choose(repo, "right", own) == id_of(right)
        assert choose(repo, "new", own) in {id_of(left), id_of(right)}


def test_what_cannot_be_compared_is_no_base(tmp_path: Path) -> None:
    own = states(1e-3, 1)[0]["large"]
    with opened(tmp_path / "repo") as repo:
        put(repo, "model", {"w": own.astype(np.float64), "empty": own[:0]})
        assert choose(repo, "w", own) is None
        assert choose(repo, "empty", own) is None
        assert choose(repo, "w", own[:0]) is None


def test_without_candidates_nothing_is_found(tmp_path: Path) -> None:
    own = states(1e-3, 1)[0]["large"]
    with opened(tmp_path / "repo") as repo, repo.session() as session:
        bases = Bases(session, None, 3.0)
        assert bases.find("large", id_of(own), spec_of(own), to_bytes(own)) is None
        assert session.sketches == {}


@pytest.mark.parametrize("damage", ["a byte", "the whole pack"])
def test_a_damaged_base_is_passed_over(tmp_path: Path, damage: str) -> None:
    first, second = states(1e-4, 2)
    with opened(tmp_path / "repo") as repo:
        put(repo, "model", first)
        entry = repo.store.entry(id_of(first["large"]))
        pack = repo.layout.pack_path(pack_names(repo.layout)[0].hex())
    if damage == "a byte":
        data = bytearray(pack.read_bytes())
        data[entry.offset + entry.record_bytes + 1000] ^= 1
        pack.write_bytes(data)
    else:
        pack.unlink()
    with Repo.open(tmp_path / "repo") as repo:
        put(repo, "imported", {f"x.{name}": array for name, array in second.items()})
        assert repo.store.entry(id_of(second["large"])).base is None
        read = repo.store.read(id_of(second["large"])).data
        assert read.tobytes() == second["large"].tobytes()
