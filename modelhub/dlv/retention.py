"""Decide which versions to keep: a *policy* is a set of rules, and what no rule keeps may go.

Rules judge the versions of each model name by themselves. A version stays if any rule keeps it, so
a rule more never takes more away. Nothing is read or removed here: versions in, reasons out.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelhub.dlv.listing import headline
from modelhub.errors import NotFoundError, UsageError

__all__ = [
    "NEWEST",
    "Candidate",
    "KeepBest",
    "KeepDays",
    "KeepLast",
    "KeepTagged",
    "Kept",
    "Policy",
    "Reason",
    "Rule",
    "Selection",
    "parse",
    "select",
]

Scalar = str | int | float | bool

# The reason why a version stays that is kept by no rule of the policy, but never removed unasked.
NEWEST = "newest"

_EXPECTED = "keep-last=N, keep-best=N[:METRIC[:min|max]], keep-tagged or keep-days=D"
_COUNT = re.compile(r"[0-9]{1,9}")
_DAYS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
# A comma parts rules only where a rule begins: keys of metadata may hold commas.
_BETWEEN_RULES = re.compile(r",(?=\s*keep-)")
_NS_PER_DAY = 86_400 * 10**9
# How many metrics an error names.
_METRICS_MAX = 20

# Words in the names of metrics of which less is better; of all others more is.
_LESS_IS_BETTER = frozenset(
    ("loss", "error", "err", "perplexity", "ppl", "nll", "mse", "rmse", "mae", "wer", "cer", "fid")
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version as rules see it.

    Attributes:
        sequence: Its number among the versions of its name; a *newer* one has a higher number.
        created_ns: When it was made, in nanoseconds since 1970.
        metadata: What metrics are looked up in; nothing for a lossy copy, since what was measured
            was measured of the exact weights.
    """

    id: bytes
    name: str
    sequence: int
    created_ns: int
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a version stays: a rule as it is typed (or `NEWEST`), and what the rule saw in it."""

    rule: str
    detail: str = ""

    @property
    def text(self) -> str:
        """The rule with its detail."""
        return f"{self.rule} ({self.detail})" if self.detail else self.rule


@dataclass(frozen=True, slots=True)
class KeepLast:
    """Keep the newest versions of each name; none with a count of 0."""

    count: int

    @property
    def text(self) -> str:
        """The rule as it is typed."""
        return f"keep-last={self.count}"

    def keep(self, versions: Sequence[Candidate]) -> dict[bytes, str]:
        """Return the last ones."""
        return {version.id: "" for version in versions[max(len(versions) - self.count, 0) :]}


@dataclass(frozen=True, slots=True)
class KeepTagged:
    """Keep every version that a tag names."""

    @property
    def text(self) -> str:
        """The rule as it is typed."""
        return "keep-tagged"

    def keep(self, versions: Sequence[Candidate]) -> dict[bytes, str]:
        """Return the tagged ones, with their tags."""
        return {version.id: ", ".join(version.tags) for version in versions if version.tags}


@dataclass(frozen=True, slots=True)
class KeepDays:
    """Keep what was made in the last days, each of 24 hours."""

    days: float

    @property
    def text(self) -> str:
        """The rule as it is typed."""
        return f"keep-days={self.days:.6f}".rstrip("0").rstrip(".")

    def keep(self, versions: Sequence[Candidate], now_ns: int) -> dict[bytes, str]:
        """Return the young ones."""
        since = now_ns - int(self.days * _NS_PER_DAY)
        return {version.id: "" for version in versions if version.created_ns >= since}


@dataclass(frozen=True, slots=True)
class KeepBest:
    """Keep the versions of each name that are best by a metric; of equal ones the newer.

    A version without a finite number under the metric is not ranked. Where this goes for all
    versions of a name, there is nothing to choose by, and all of them stay.

    Attributes:
        metric: A key of metadata. Without one, each name is judged by the metric that a list would
            show if all its versions were one (see `listing.headline`).
        direction: `min`, `max`, or empty for what the metric's name suggests.
    """

    count: int
    metric: str = ""
    direction: str = ""

    @property
    def text(self) -> str:
        """The rule as it is typed."""
        parts = [f"keep-best={self.count}", self.metric, self.direction]
        return ":".join(part for part in parts if part)

    def keep(self, versions: Sequence[Candidate]) -> dict[bytes, str]:
        """Return the best ones with their metric, or all if none can be ranked."""
        metric = self._metric(versions)
        ranked = [(value, v) for v in versions if (value := _number(v, metric)) is not None]
        if not ranked:
            what = f"the metric {metric!r}" if metric else "a metric to rank by"
            return {version.id: f"no version of {version.name} has {what}" for version in versions}
        sign = 1 if self._is_less_better(metric) else -1
        ranked.sort(key=lambda found: (sign * found[0], -found[1].sequence))
        return {version.id: f"{metric} {value}" for value, version in ranked[: self.count]}

    def check(self, versions: Sequence[Candidate]) -> None:
        """Raise NotFoundError if no version of any name can be ranked."""
        if self.metric and any(_number(v, self.metric) is not None for v in versions):
            return
        if not self.metric and self._metric(versions):
            return
        there = sorted({key for version in versions for key in _numbers(version)})
        named = ", ".join(there[:_METRICS_MAX]) + (", ..." if len(there) > _METRICS_MAX else "")
        found = f"the metric {self.metric!r}" if self.metric else "a metric that is known by name"
        raise NotFoundError(
            f"{self.text}: no version has {found}",
            expected=f"keep-best={self.count}:METRIC with one of: {named}"
            if there
            else "versions with a number in their metadata, such as from `--set accuracy=0.9`",
        )

    def _metric(self, versions: Sequence[Candidate]) -> str:
        if self.metric:
            return self.metric
        merged: dict[str, Scalar] = {}
        for version in versions:
            merged.update(_numbers(version))
        found = headline(merged)
        return "" if found is None else found[0]

    def _is_less_better(self, metric: str) -> bool:
        if self.direction:
            return self.direction == "min"
        return not _LESS_IS_BETTER.isdisjoint(re.split(r"[^a-z0-9]+", metric.lower()))


def _number(version: Candidate, key: str) -> float | None:
    """Return a metric of a version; None for a text, a truth value, a NaN or an infinity."""
    value = version.metadata.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(version: Candidate) -> dict[str, float]:
    found = ((key, _number(version, key)) for key in version.metadata)
    return {key: value for key, value in found if value is not None}


# Each has the `text` that is typed for it, and `keep`, which takes the versions of one name, oldest
# first, and returns the ids of those that it keeps, each with what it saw in it.
Rule = KeepLast | KeepBest | KeepTagged | KeepDays


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, any of which keeps a version."""

    rules: tuple[Rule, ...]

    @property
    def text(self) -> str:
        """The policy as it is typed."""
        return ",".join(rule.text for rule in self.rules)

    @property
    def empties(self) -> bool:
        """Whether it asks that not even the newest version be kept for being that."""
        counts = [rule.count for rule in self.rules if isinstance(rule, KeepLast)]
        return bool(counts) and max(counts) == 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that stays, with at least one reason, in the order of the policy's rules."""

    version: Candidate
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What stays and what goes, each by name and number."""

    kept: tuple[Kept, ...]
    removed: tuple[Candidate, ...]


def parse(texts: Iterable[str]) -> Policy:
    """Read a policy: rules in several texts, or in one with commas between.

    Raises:
        UsageError: a text is no rule, or there is none.
    """
    rules: list[Rule] = []
    for text in texts:
        rules += [_rule(part.strip()) for part in _BETWEEN_RULES.split(text)]
    if not rules:
        raise UsageError("a policy without rules", expected=_EXPECTED)
    return Policy(tuple(dict.fromkeys(rules)))


def _rule(text: str) -> Rule:
    name, equals, value = text.partition("=")
    if name == "keep-tagged" and not equals:
        return KeepTagged()
    if name == "keep-last" and _COUNT.fullmatch(value):
        return KeepLast(int(value))
    if name == "keep-days" and _DAYS.fullmatch(value) and float(value) > 0:
        return KeepDays(float(value))
    if name == "keep-best":
        count, colon, metric = value.partition(":")
        direction = ""
        if metric.endswith((":min", ":max")):
            metric, _, direction = metric.rpartition(":")
        if _COUNT.fullmatch(count) and int(count) > 0 and bool(metric) == bool(colon):
            return KeepBest(int(count), metric, direction)
    raise UsageError(f"rule {text!r}", expected=_EXPECTED)


def select(policy: Policy, versions: Iterable[Candidate], now_ns: int) -> Selection:
    """Apply a policy to versions of any names; pure, and the order of versions is of no account.

    The newest version of a name stays even if no rule keeps it, for the next commit builds on it;
    `keep-last=0` gives that up.

    Raises:
        NotFoundError: a rule ranks by a metric that no version has.
    """
    by_name: dict[str, list[Candidate]] = defaultdict(list)
    for version in versions:
        by_name[version.name].append(version)
    everything = [version for same in by_name.values() for version in same]
    if everything:
        for rule in policy.rules:
            if isinstance(rule, KeepBest):
                rule.check(everything)
    kept: list[Kept] = []
    removed: list[Candidate] = []
    for name in sorted(by_name):
        same = sorted(by_name[name], key=lambda version: version.sequence)
        verdicts = [(rule.text, _keep(rule, same, now_ns)) for rule in policy.rules]
        for version in same:
            reasons = tuple(
                Reason(text, ids[version.id]) for text, ids in verdicts if version.id in ids
            )
            if not reasons and version is same[-1] and not policy.empties:
                reasons = (Reason(NEWEST),)
            if reasons:
                kept.append(Kept(version, reasons))
            else:
                removed.append(version)
    return Selection(tuple(kept), tuple(removed))


def _keep(rule: Rule, versions: Sequence[Candidate], now_ns: int) -> dict[bytes, str]:
    return rule.keep(versions, now_ns) if isinstance(rule, KeepDays) else rule.keep(versions)
