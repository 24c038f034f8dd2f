"""archive: less room within budgets, nothing lost, nothing moved twice."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from modelhub import Repository
from modelhub.dlv import archive as archives
from modelhub.dlv import gc as gc_module
from modelhub.dlv.archive import archive, is_due
from modelhub.dlv.archive_result import ArchiveResult
from modelhub.dlv.checkout import checkout
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.state import Repo
from modelhub.errors import (
    BadInputError,
    ModelHubError,
    NotFoundError,
    RemoteError,
    UsageError,
)
from modelhub.fs import seam
from modelhub.pas.edge_costs import EdgeCost, EdgeCosts

RNG = np.random.default_rng(0)
Arrays = dict[str, np.ndarray]


def weights() -> Arrays:
    arrays = {f"l{n}": (RNG.standard_normal((90, 100)) * 0.02).astype("f4") for n in range(3)}
    # Equal tensors are one object, which a checkout reads as often as it stands in the file.
    return {**arrays, "b0": np.full(600, 1e-3, "f4"), "b1": np.full(600, 1e-3, "f4")}


def tuned(arrays: Arrays) -> Arrays:
    return {
        name: array + (RNG.standard_normal(array.shape) * 1e-5).astype("f4")
        if name.startswith("l")
        else array
        for name, array in arrays.items()
    }


def write(path: Path, arrays: Arrays) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays, path)
    return path


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """Return the file behind each revision: a base, epochs tuned from it, their bfloat16 twin."""
    arrays = weights()
    found = {"base@1#final": write(tmp_path / "in/base/w.safetensors", arrays)}
    for epoch in range(4):
        arrays = tuned(arrays)
        path = tmp_path / f"in/epoch-{epoch}/w.safetensors"
        found[f"tuned@1#epoch-{epoch}"] = write(path, arrays)
    twin = {name: array.astype(ml_dtypes.bfloat16) for name, array in arrays.items()}
    found["twin@1#final"] = write(tmp_path / "in/twin/w.safetensors", twin)
    found["alien@1#final"] = write(tmp_path / "in/alien/w.safetensors", weights())
    return found


@pytest.fixture
def repo(tmp_path: Path, inputs: dict[str, Path]) -> Iterator[Repo]:
    with Repository.init(tmp_path / "repository") as made:
        made.commit("base", inputs["base@1#final"])
        epochs = {rev.rpartition("#")[2]: path for rev, path in inputs.items() if "tuned" in rev}
        made.commit("tuned", snapshots=epochs, base="base")
        made.commit("twin", inputs["twin@1#final"], base="tuned")
        made.commit("alien", inputs["alien@1#final"])
    with Repo.open(tmp_path / "repository") as opened:
        yield opened


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_all(repo: Repo, inputs: dict[str, Path], out: Path) -> dict[str, int]:
    """Check every file out, byte for byte; return the bytes read for each revision."""
    read = {}
    for rev, path in inputs.items():
        read[rev] = checkout(repo, rev, out, force=True).bytes_read
        assert sha256(out / "w.safetensors") == sha256(path), rev
    return read


def packs_bytes(repo: Repo) -> int:
    return sum(path.stat().st_size for path in repo.layout.packs_dir.iterdir())


@pytest.mark.parametrize("alpha", [1.0, 1.3, 2.0, 4.0])
def test_budgets_are_kept_as_bytes_read(
    repo: Repo, inputs: dict[str, Path], tmp_path: Path, alpha: float
) -> None:
    done = archive(repo, alpha=alpha)
    assert done.feasible
    assert done.unit == "bytes"
    read = check_all(repo, inputs, tmp_path / "out")
    for snapshot in done.snapshots:
        assert read[snapshot.rev] <= snapshot.recreation_cost
        assert snapshot.recreation_cost <= snapshot.budget * (1 + 1e-9)
        assert snapshot.budget == pytest.approx(alpha * snapshot.least)
    assert {snapshot.rev for snapshot in done.snapshots} == set(inputs)
    assert done.lower_bound <= done.storage_cost * (1 + 1e-9)
    assert fsck(repo.layout.root).problems == ()
    gc(repo)
    assert check_all(repo, inputs, tmp_path / "out") == read
    assert fsck(repo.layout.root).problems == ()
    # Records of files and versions are what the packs hold besides.
    assert packs_bytes(repo) < done.storage_cost + 40_000


def test_more_may_be_read_and_less_is_stored(repo: Repo) -> None:
    stored = [archive(repo, alpha=alpha).storage_cost for alpha in (1.0, 1.5, 3.0)]
    assert stored[0] > stored[1] > stored[2]
    least = archive(repo, solver="mst")
    assert least.storage_cost == pytest.approx(least.mst_cost, rel=0.02)
    assert archive(repo, solver="spt").storage_cost == pytest.approx(stored[0], rel=0.01)


def test_a_second_run_moves_nothing(repo: Repo) -> None:
    first = archive(repo, alpha=1.5)
    assert first.moved > 0
    packs = sorted(repo.layout.packs_dir.iterdir())
    second = archive(repo, alpha=1.5)
    assert (second.moved, second.rounds) == (0, 0)
    assert second.storage_cost == first.storage_cost
    assert sorted(repo.layout.packs_dir.iterdir()) == packs


def test_only_what_changes_is_moved(repo: Repo, tmp_path: Path) -> None:
    archive(repo)
    with Repository.open(repo.layout.root) as again:
        again.commit("new", weights(), base="base")
    assert archive(repo).moved <= 2


def test_a_broken_budget_moves_what_it_must(repo: Repo) -> None:
    whole = archive(repo, alpha=1)
    before = archive(repo, alpha=3)
    worst = max(before.snapshots, key=lambda snapshot: snapshot.recreation_cost / snapshot.budget)
    tight = round(worst.recreation_cost * 0.95)
    done = archive(repo, alpha=3, budgets=[f"{worst.rev}={tight}"])
    assert done.feasible
    assert 0 < done.moved < min(whole.moved, before.moved) / 2


def state_of(root: Path) -> dict[str, str]:
    # LMDB notes its readers in the lock file.
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "lock.mdb")
    return {str(path): sha256(path) for path in files}


def test_a_dry_run_changes_nothing(repo: Repo) -> None:
    before = state_of(repo.layout.root)
    planned = archive(repo, alpha=1.5, dry_run=True, explained=True)
    assert planned.moved > 0
    assert planned.dry_run
    assert state_of(repo.layout.root) == before
    done = archive(repo, alpha=1.5)
    assert done.storage_cost == pytest.approx(planned.storage_cost, rel=0.02)


def test_budgets_by_hand(repo: Repo, inputs: dict[str, Path], tmp_path: Path) -> None:
    free = archive(repo, alpha=3, dry_run=True)
    least = {snapshot.rev: snapshot.least for snapshot in free.snapshots}
    tight = round(least["tuned@1#epoch-1"] * 1.05)
    done = archive(repo, alpha=3, budgets=[f"tuned#epoch-1={tight}", "base=1GB"])
    budgets = {snapshot.rev: snapshot.budget for snapshot in done.snapshots}
    assert budgets["tuned@1#epoch-1"] == tight
    assert budgets["base@1#final"] == 1e9
    assert budgets["tuned@1#epoch-2"] == pytest.approx(3 * least["tuned@1#epoch-2"], rel=0.01)
    assert check_all(repo, inputs, tmp_path / "out")["tuned@1#epoch-1"] <= tight
    whole = archive(repo, alpha=3, budgets=[f"tuned={tight}"], dry_run=True)
    assert sum(snapshot.budget == tight for snapshot in whole.snapshots) == 4


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"budgets": ["base=1kB"]}, BadInputError),
        ({"budgets": ["base=1us"]}, UsageError),
        ({"budgets": ["base=1MB", "twin=1s"]}, UsageError),
        ({"budgets": ["none=1MB"]}, NotFoundError),
        ({"budgets": ["base=1MB"], "solver": "mst"}, UsageError),
        ({"alpha": 0.5}, UsageError),
        ({"alpha": float("nan")}, UsageError),
        ({"scheme": "reusable"}, UsageError),
        ({"solver": "none"}, UsageError),
    ],
)
def test_what_cannot_be_asked_for(
    repo: Repo, arguments: dict[str, Any], error: type[ModelHubError]
) -> None:
    before = state_of(repo.layout.packs_dir)
    with pytest.raises(error):
        archive(repo, **arguments)
    assert state_of(repo.layout.packs_dir) == before


def test_milliseconds(repo: Repo, inputs: dict[str, Path], tmp_path: Path) -> None:
    said: list[str] = []
    done = archive(repo, budgets=["base=10s"], on_wait=said.append)
    assert done.unit == "ms"
    assert "calibrate" in said[0]
    assert repo.layout.rates_file.exists()
    budgets = {snapshot.rev: snapshot.budget for snapshot in done.snapshots}
    assert budgets["base@1#final"] == 10_000
    assert budgets["alien@1#final"] < 1000
    said.clear()
    archive(repo, budgets=["base=10s"], on_wait=said.append)
    assert said == []
    check_all(repo, inputs, tmp_path / "out")


@pytest.mark.parametrize("solver", ["auto", "mst", "spt", "last", "pas-mt", "pas-pt", "exact"])
@pytest.mark.parametrize("scheme", ["independent", "parallel"])
def test_every_solver_and_scheme(
    repo: Repo, inputs: dict[str, Path], tmp_path: Path, solver: str, scheme: str
) -> None:
    # Of exact one run is enough: it takes seconds for a plan, and each round makes one.
    done = archive(repo, solver=solver, scheme=scheme, dry_run=solver == "exact")
    assert done.solver.startswith(solver)
    assert done.feasible or solver == "mst"
    check_all(repo, inputs, tmp_path / "out")


def test_chains_are_no_longer_than_the_settings_have_it(repo: Repo, tmp_path: Path) -> None:
    settings = repo.layout.config_file
    settings.write_text(settings.read_text().replace("depth_max = 8", "depth_max = 1"))
    with Repo.open(repo.layout.root) as again:
        done = archive(again, alpha=20)
        found = archives.collect(again)
        chains = [len(again.store.chain(o)) for group in found.groups for o in group.reads]
    assert max(chains) == 2
    assert done.storage_cost > done.mst_cost


def test_estimates_that_are_wrong_are_repaired(
    repo: Repo, inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever measuring says, budgets hold for what has been written in the end."""
    put = EdgeCosts.put

    def too_good(self: EdgeCosts, own: bytes, base: bytes, cost: EdgeCost) -> None:
        if not cost.exact and base:
            half = tuple(size // 2 for size in cost.segment_bytes)
            cost = EdgeCost(cost.stored_bytes // 2, half, True, False)
        put(self, own, base, cost)

    monkeypatch.setattr(EdgeCosts, "put", too_good)
    done = archive(repo, alpha=1.7)
    assert done.rounds > 1
    assert done.feasible
    assert done.estimate_error > 0.2
    read = check_all(repo, inputs, tmp_path / "out")
    assert all(read[snapshot.rev] <= snapshot.budget for snapshot in done.snapshots)


def test_bases_that_no_version_needs_are_left(
    repo: Repo, inputs: dict[str, Path], tmp_path: Path
) -> None:
    with Repository.open(repo.layout.root) as again:
        again.remove("base")
    del inputs["base@1#final"]
    done = archive(repo)
    check_all(repo, inputs, tmp_path / "out")
    gc(repo)
    check_all(repo, inputs, tmp_path / "out")
    assert packs_bytes(repo) < done.storage_cost + 40_000
    assert fsck(repo.layout.root).problems == ()


def test_the_explanation_accounts_for_every_tensor(repo: Repo) -> None:
    done = archive(repo, alpha=1.5, explained=True)
    why = done.explanation
    assert why is not None
    assert sum(len(reason.tensors) for reason in why.reasons) == done.tensors
    assert sum(reason.chosen_bytes for reason in why.reasons) == done.storage_cost
    assert sum(why.alone_bytes) + sum(why.delta_bytes) == done.storage_cost
    assert any("budget of" in reason.why for reason in why.reasons)
    for reason in why.reasons:
        if reason.base:
            assert reason.chosen_bytes < reason.alone_bytes


def test_compressed_and_associated_files(tmp_path: Path) -> None:
    arrays = weights()
    note = tmp_path / "notes.txt"
    note.write_bytes(RNG.bytes(100_000))
    with Repository.init(tmp_path / "packed") as made:
        for step in range(3):
            path = tmp_path / f"s{step}" / "w.npz"
            path.parent.mkdir()
            np.savez_compressed(path, **arrays)
            made.commit("m", path, files=[note])
            arrays = tuned(arrays)
        done = made.archive(alpha=1.2)
        for step, snapshot in enumerate(done.snapshots):
            out = made.checkout(snapshot.rev, tmp_path / f"out{step}")
            assert out.bytes_read <= snapshot.recreation_cost
            assert all(file.verified for file in out.files)


def test_an_empty_repository(tmp_path: Path) -> None:
    with Repo.init(tmp_path / "empty") as empty:
        done = archive(empty)
    assert (done.storage_cost, done.moved, done.snapshots, done.feasible) == (0, 0, (), True)


def test_commits_run_it_when_it_is_due(repo: Repo, tmp_path: Path) -> None:
    with repo.layout.config_file.open("a") as settings:
        settings.write("archive_every = 3\narchive_alpha = 1.5\n")
    text = repo.layout.config_file.read_text().splitlines()
    unique = {line.partition(" ")[0]: line for line in text}
    repo.layout.config_file.write_text("\n".join(unique.values()))
    with Repo.open(repo.layout.root) as again:
        assert is_due(again)
        archive(again)
        assert not is_due(again)
    with Repository.open(repo.layout.root) as again:
        for number in range(3):
            noted = repo.layout.archived_file.read_bytes()
            again.commit("more", {"w": RNG.standard_normal(3000).astype("f4")})
            assert (repo.layout.archived_file.read_bytes() != noted) == (number == 2)


READER = """
import sys
from pathlib import Path
from modelhub.dlv.checkout import checkout
from modelhub.dlv.state import Repo

root, out, stop = map(Path, sys.argv[1:4])
rounds = 0
while not stop.exists() or rounds == 0:
    with Repo.open(root) as repo:
        for rev in sys.argv[4:]:
            done = checkout(repo, rev, out, force=True)
            assert all(file.verified for file in done.files)
    rounds += 1
print(rounds)
"""


def test_readers_succeed_all_the_time(repo: Repo, inputs: dict[str, Path], tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, repo.layout.root, tmp_path / "o", stop, *inputs],
        stdout=subprocess.PIPE,
    )
    moved = 0
    for alpha in (1.0, 4.0, 1.3, 3.0, 1.0, 4.0, 1.1, 2.5):
        moved += archive(repo, alpha=alpha).moved
        gc(repo)
    stop.touch()
    printed, _ = reader.communicate(timeout=60)
    assert reader.returncode == 0
    assert int(printed) > 0
    assert moved > 20


def test_a_grace_spares_superseded_packs(repo: Repo, inputs: dict[str, Path]) -> None:
    before = {path.name for path in repo.layout.packs_dir.iterdir()}
    for path in repo.layout.packs_dir.iterdir():
        # However old a pack is: what it held was in use a moment ago.
        subprocess.run(["touch", "-d", "2 days ago", path], check=True)
    assert archive(repo, alpha=1.0).moved
    assert gc(repo, grace_seconds=3600).freed_bytes == 0
    assert before <= {path.name for path in repo.layout.packs_dir.iterdir()}
    assert gc(repo).freed_bytes > 0


def test_archive_and_gc_need_room_for_one_pack_more(
    repo: Repo, inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = 60_000
    monkeypatch.setattr(gc_module, "PACK_BYTES_MAX", pack)
    before = packs_bytes(repo)
    peak = before

    def look(_operation: str, _path: Path) -> None:
        nonlocal peak
        peak = max(peak, packs_bytes(repo))

    seam.set_hook(look)
    try:
        written = archive(repo, alpha=1.0).written_bytes
        new = packs_bytes(repo) - before
        largest = max(path.stat().st_size for path in repo.layout.packs_dir.iterdir())
        freed = gc(repo)
    finally:
        seam.set_hook(None)
    # More lives on in old packs than one new pack holds, so it is not moved all at once.
    assert written
    assert freed.rewritten_packs >= 2
    assert freed.live_bytes - new > 2 * pack
    assert before + new < peak <= before + new + max(pack, largest)
    check_all(repo, inputs, tmp_path / "out")


def test_a_result_can_be_asked_for_in_python(repo: Repo) -> None:
    ask: Callable[..., ArchiveResult] = Repository(repo).archive
    assert ask(dry_run=True, alpha=1.5).moved == ask(dry_run=True, alpha=1.5).moved


def test_tensors_with_far_bytes(repo: Repo, inputs: dict[str, Path], tmp_path: Path) -> None:
    """Bytes in a tier are read for it; without the tier nothing is changed."""
    settings = (repo.layout.root, tmp_path / "cold")
    with Repository.open(settings[0]) as again:
        again.set_tier(str(settings[1]), 2)
        again.push_tier()
    settings[1].rename(tmp_path / "away")
    before = state_of(repo.layout.packs_dir)
    with Repo.open(settings[0]) as again, pytest.raises(RemoteError) as caught:
        archive(again, alpha=1.0)
    assert caught.value.kind == "tier"
    assert state_of(repo.layout.packs_dir) == before
    (tmp_path / "away").rename(settings[1])
    with Repo.open(settings[0]) as again:
        assert archive(again, alpha=1.0).moved > 0
        check_all(again, inputs, tmp_path / "out")
        gc(again)
        check_all(again, inputs, tmp_path / "out")
    assert fsck(settings[0]).problems == ()
