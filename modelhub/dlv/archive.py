"""Choose what to store against what, within budgets for reading, and store it so.

Measure, plan, repack: `pas.measure` fills the storage graph, `archival` solves it, `pas.repack`
stores anew what the plan stores in another way. True costs are known only then; where an estimate
was so far off that a budget is not kept, planning goes on with what is known by now, until it is.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from modelhub.archival import NO_EDGE, SOLVERS, Solution, evaluate, keeps, spt_costs
from modelhub.config import ALPHA_MAX
from modelhub.dlv import budgets as budget_texts
from modelhub.dlv import record
from modelhub.dlv.archive_explain import Explanation, explain
from modelhub.dlv.archive_groups import SnapshotGroups, collect
from modelhub.dlv.archive_plan import WITHOUT_BUDGETS, Planner
from modelhub.dlv.archive_result import ArchiveResult, SnapshotCost
from modelhub.dlv.budgets import Budget, budgets_of
from modelhub.dlv.calibrate import rates_of
from modelhub.dlv.similar import similar_to
from modelhub.dlv.state import Repo
from modelhub.errors import ModelHubError, UsageError
from modelhub.fs import files
from modelhub.pas.edge_costs import EdgeCosts
from modelhub.pas.measure import Measured, chain_costs, measure
from modelhub.pas.rates import Rates
from modelhub.pas.repack import Repacked, repack
from modelhub.pas.store import Place
from modelhub.report.text import natural_key

__all__ = [
    "ALPHA_DEFAULT",
    "SCHEMES",
    "after_commit",
    "archive",
    "is_due",
]

# Reading a snapshot may cost twice what it costs where everything stands alone: about what the
# paper finds to be enough for nearly all that deltas can save.
ALPHA_DEFAULT = 2.0
# Those that can be planned for; `reusable` can only be evaluated.
SCHEMES = ("independent", "parallel")

# Two or three rounds are enough in practice. From the later ones on, only what has been written
# before is planned with, or what stands alone, so that they come to an end.
_ROUNDS_MAX = 8
_ROUNDS_OPEN = 4

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for."""

    alpha: float
    budgets: tuple[Budget, ...]
    scheme: str
    solver: str
    unit: str


@dataclass(slots=True)
class _Round:
    """A graph, the plan for it, and what the groups may cost."""

    measured: Measured
    solution: Solution
    plan: np.ndarray
    budgets: np.ndarray
    least: np.ndarray

    @property
    def moving(self) -> int:
        """How many tensors the plan stores in another way than they are."""
        return int(np.count_nonzero(self.plan != self.measured.current))


@dataclass(slots=True)
class _Tally:
    """What all rounds did together."""

    moved: int = 0
    fallen_back: int = 0
    written_bytes: int = 0
    true_bytes: int = 0
    error_bytes: int = 0
    rounds: int = 0
    plan_seconds: float = 0.0
    before: np.ndarray = field(default_factory=lambda: np.empty(0))
    storage_before: int = 0

    def add(self, done: Repacked) -> None:
        """Add what one round did."""
        self.moved += done.moved
        self.fallen_back += done.fallen_back
        self.written_bytes += done.written_bytes
        self.true_bytes += done.true_bytes
        self.error_bytes += done.error_bytes


def archive(
    repo: Repo,
    *,
    alpha: float = ALPHA_DEFAULT,
    budgets: Sequence[str] = (),
    scheme: str = "independent",
    solver: str = "auto",
    dry_run: bool = False,
    explained: bool = False,
    measuring: Progress | None = None,
    repacking: Progress | None = None,
    on_wait: Say | None = None,
) -> ArchiveResult:
    """Store tensors so that all take little room and each snapshot is read within its budget.

    Every version stays readable all the time, also by readers at work. Old copies stay in their
    packs until `gc` removes them. Killed at any point nothing is lost; run again, it goes on.

    Args:
        alpha: The budget of each snapshot as a multiple of what reading it costs at least, 1 to
            1000.
        budgets: Others, as `REV=COST` in bytes or milliseconds; see `dlv.budgets.parse`.
        scheme: What recreating a snapshot costs: "independent" adds its tensors up, "parallel"
            takes the largest.
        solver: One of `archival.SOLVERS`.
        dry_run: Only say what would be done; no file is written.
        explained: Tell in the result why each tensor got its base.
        measuring: Told of raw bytes of tensors measured, and of all.
        repacking: Told of raw bytes stored anew, and of all.

    Raises:
        UsageError: an argument is malformed.
        NotFoundError: a revision does not exist.
        BadInputError: a budget is below what reading the snapshot costs at least.
        CorruptionError: a tensor is damaged; what it needs stays as it is.
    """
    begun = time.monotonic()
    wish = _wish(alpha, budgets, scheme, solver)
    lock = contextlib.nullcontext() if dry_run else repo.writer_lock(on_wait)
    with lock:
        rates = rates_of(repo, on_wait or _silent, keep=not dry_run) if wish.unit == "ms" else None
        found = collect(repo)
        costs = EdgeCosts.load(repo.layout.edge_costs_file)
        tally = _Tally()
        while True:
            now = _plan(repo, found, wish, costs, rates, tally, measuring)
            if not dry_run:
                # So that a run that is killed has not measured in vain.
                costs.save(repo.layout.edge_costs_file, found.owners)
            if dry_run or now.moving == 0 or tally.rounds == _ROUNDS_MAX:
                break
            tally.add(_repack(repo, now, costs, repacking))
            tally.rounds += 1
        if not dry_run:
            _note(repo)
            # Where the rounds were not enough, things are as they are.
            now.plan = now.measured.current
    why = explain(found, now.measured, now.plan, now.budgets, scheme) if explained else None
    return _result(wish, found, now, tally, dry_run, why, time.monotonic() - begun)


def _wish(alpha: float, budgets: Sequence[str], scheme: str, solver: str) -> _Wish:
    """Check what is asked for."""
    if not 1 <= alpha <= ALPHA_MAX:
        raise UsageError(
            f"alpha {alpha:g}",
            expected=f"1 to {ALPHA_MAX:g}: a multiple of the least that reading costs",
        )
    for word, words in ((scheme, SCHEMES), (solver, SOLVERS)):
        if word not in words:
            raise UsageError(f"{word!r}", expected=f"one of {', '.join(words)}")
    given = tuple(budget_texts.parse(text) for text in budgets)
    if given and solver in WITHOUT_BUDGETS:
        raise UsageError(
            f"budgets for the solver {solver}, which looks at none",
            hint="leave --solver out, or the budgets",
        )
    return _Wish(alpha, given, scheme, solver, budget_texts.unit_of(given))


def _silent(_message: str) -> None:
    """Say nothing."""


def _plan(
    repo: Repo,
    found: SnapshotGroups,
    wish: _Wish,
    costs: EdgeCosts,
    rates: Rates | None,
    tally: _Tally,
    measuring: Progress | None,
) -> _Round:
    """Measure the repository as it is, and plan for it."""
    measured = measure(
        repo.store,
        found.groups,
        costs,
        rates=rates,
        similar=similar_to(repo),
        progress=measuring,
    )
    begun = time.monotonic()
    least = spt_costs(measured.graph, wish.scheme)
    planner = Planner(
        measured,
        wish.solver,
        wish.scheme,
        wish.alpha,
        budgets_of(repo, found, wish.budgets, least, wish.alpha, wish.unit),
        depth_max=repo.config.chain_depth_max,
        estimates=tally.rounds < _ROUNDS_OPEN,
    )
    solution, plan = planner.plan()
    now = _Round(measured, solution, plan, planner.budgets, least)
    if tally.rounds == 0:
        tally.before, tally.storage_before = _before(repo, found, now, wish, rates)
    tally.plan_seconds += time.monotonic() - begun
    return now


def _before(
    repo: Repo, found: SnapshotGroups, now: _Round, wish: _Wish, rates: Rates | None
) -> tuple[np.ndarray, int]:
    """Return what each group costs to read as things are, and the bytes stored for all."""
    measured = now.measured
    stored = int(measured.stored_bytes.sum())
    if not (measured.current[1:] == NO_EDGE).any():
        return evaluate(measured.graph, measured.current, wish.scheme).groups, stored
    # Bases that no snapshot reads are no vertices; what stands on them is added up by hand.
    costs = chain_costs(repo.store, measured.objects[1:], rates)
    total = max if wish.scheme == "parallel" else sum
    groups = [total([costs[o] for o in group.reads] or [0.0]) for group in found.groups]
    return np.array(groups, float), stored


def _repack(repo: Repo, now: _Round, costs: EdgeCosts, progress: Progress | None) -> Repacked:
    """Carry the plan out, with a transaction for each pack."""

    def move(places: Mapping[bytes, Place]) -> None:
        with repo.catalog.write() as txn:
            record.put_places(txn, places)

    return repack(repo.store, repo.session, move, now.measured, now.plan, costs, progress)


def _result(
    wish: _Wish,
    found: SnapshotGroups,
    now: _Round,
    tally: _Tally,
    dry_run: bool,
    why: Explanation | None,
    seconds: float,
) -> ArchiveResult:
    costs = evaluate(now.measured.graph, now.plan, wish.scheme)
    snapshots = tuple(
        SnapshotCost(
            rev,
            float(tally.before[number]),
            float(costs.groups[number]),
            float(now.budgets[number]),
            float(now.least[number]),
        )
        for number, revs in enumerate(found.revs)
        for rev in revs
    )
    bound = now.solution.lower_bound
    return ArchiveResult(
        solver=now.solution.solver,
        scheme=wish.scheme,
        alpha=wish.alpha,
        unit=wish.unit,
        storage_before=tally.storage_before,
        storage_cost=round(costs.storage),
        mst_cost=now.solution.mst_cost,
        spt_cost=now.solution.spt_cost,
        lower_bound=bound,
        gap=costs.storage / bound - 1 if bound else 0.0,
        snapshots=tuple(sorted(snapshots, key=lambda snapshot: natural_key(snapshot.rev))),
        tensors=sum(spec is not None for spec in now.measured.specs),
        moved=now.moving if dry_run else tally.moved,
        fallen_back=tally.fallen_back,
        written_bytes=tally.written_bytes,
        estimate_error=tally.error_bytes / tally.true_bytes if tally.true_bytes else 0.0,
        feasible=keeps(costs.groups, now.budgets),
        dry_run=dry_run,
        rounds=tally.rounds,
        plan_seconds=tally.plan_seconds,
        seconds=seconds,
        explanation=why,
    )


def _note(repo: Repo) -> None:
    """Remember when this was, for `is_due`."""
    if not files.exists(repo.layout.cache_dir):
        files.make_dir(repo.layout.cache_dir)
    text = json.dumps({"archived_ns": time.time_ns()})
    files.write_atomic(repo.layout.archived_file, text.encode())


def is_due(repo: Repo) -> bool:
    """Say whether so many commits were made since the last run as the settings have it."""
    every = repo.config.archive_every
    if every == 0:
        return False
    last = 0
    if files.exists(repo.layout.archived_file):
        # A file that says nothing means that one run more is made than was asked for.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            last = int(json.loads(files.read_bytes(repo.layout.archived_file))["archived_ns"])
    with repo.catalog.read() as txn:
        newest = itertools.islice(txn.by_time(reverse=True), every)
        return sum(version.created_ns > last for version in newest) == every


def after_commit(repo: Repo, say: Say | None = None) -> ArchiveResult | None:
    """Run `archive` if it is due; the writer's lock must be free.

    The commit stands whatever comes of this: what fails is said.
    """
    say = say or _silent
    try:
        if not is_due(repo):
            return None
        return archive(repo, alpha=repo.config.archive_alpha, on_wait=say)
    except ModelHubError as error:
        say(f"archive after the commit: {error}")
        return None
