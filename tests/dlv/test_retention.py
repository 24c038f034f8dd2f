"""Policies are unions of rules: whatever one rule keeps stays, in any order of rules."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelhub.dlv.retention import (
    NEWEST,
    Candidate,
    KeepBest,
    KeepDays,
    KeepLast,
    KeepTagged,
    Policy,
    Rule,
    Selection,
    parse,
    select,
)
from modelhub.errors import NotFoundError, UsageError

DAY = 86_400 * 10**9
NOW = 1000 * DAY


def make(
    sequence: int,
    name: str = "m",
    *,
    age_days: float = 0,
    tags: tuple[str, ...] = (),
    **metadata: str | float | bool,
) -> Candidate:
    version_id = f"{name}@{sequence}".encode()
    created = NOW - int(age_days * DAY)
    return Candidate(version_id, name, sequence, created, tags, metadata)


def kept(selection: Selection) -> list[str]:
    return [k.version.id.decode() for k in selection.kept]


def run(policy: str, *versions: Candidate) -> list[str]:
    return kept(select(parse([policy]), versions, NOW))


# Single rules


def test_keep_last_counts_by_name_and_number() -> None:
    versions = [make(n) for n in (9, 2, 10)] + [make(1, "k")]
    assert run("keep-last=2", *versions) == ["k@1", "m@9", "m@10"]
    assert run("keep-last=99", *versions) == ["k@1", "m@2", "m@9", "m@10"]


def test_keep_days_has_a_sharp_edge() -> None:
    versions = [make(1, age_days=3.0001), make(2, age_days=3), make(3, age_days=9), make(4)]
    assert run("keep-days=3", *versions) == ["m@2", "m@4"]
    assert run("keep-days=0.5", *versions) == ["m@4"]


def test_keep_tagged_tells_the_tags() -> None:
    selection = select(parse(["keep-tagged"]), [make(1, tags=("a", "ü b")), make(2), make(3)], NOW)
    assert [[r.text for r in k.reasons] for k in selection.kept] == [
        ["keep-tagged (a, ü b)"],
        [NEWEST],
    ]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("keep-best=1:acc", "m@2"),
        ("keep-best=1:acc:max", "m@2"),
        ("keep-best=1:acc:min", "m@1"),
        ("keep-best=1:val_loss", "m@3"),
        ("keep-best=1:val_loss:max", "m@1"),
        # Without a metric, the one that lists show.
        ("keep-best=1", "m@2"),
    ],
)
def test_keep_best_knows_the_direction(policy: str, expected: str) -> None:
    versions = [make(n, acc=a, val_loss=x) for n, a, x in ((1, 0.1, 9), (2, 0.9, 5), (3, 0.5, 1))]
    assert run(f"{policy},keep-last=0", *versions) == [expected]


def test_of_equal_metrics_the_newer_is_kept() -> None:
    versions = [make(n, acc=value) for n, value in ((1, 1), (2, 1.0), (3, 0.5), (4, 1), (5, 0))]
    assert run("keep-best=2:acc,keep-last=0", *versions) == ["m@2", "m@4"]


def test_what_is_no_finite_number_is_not_ranked() -> None:
    values = [math.nan, math.inf, -math.inf, True, "0.9", 0.1, 0.2]
    versions = [make(n, acc=value) for n, value in enumerate(values, 1)] + [make(8)]
    for direction in ("min", "max"):
        assert run(f"keep-best=5:acc:{direction},keep-last=0", *versions) == ["m@6", "m@7"]


def test_a_name_that_cannot_be_ranked_stays_whole() -> None:
    versions = [make(1, acc=0.5), make(2, acc=0.4), make(1, "n"), make(2, "n", acc=math.nan)]
    selection = select(parse(["keep-best=1:acc,keep-last=0"]), versions, NOW)
    assert kept(selection) == ["m@1", "n@1", "n@2"]
    assert "no version of n has" in selection.kept[1].reasons[0].text
    # By default each name has its own metric.
    mixed = [make(1, acc=1), make(2, acc=2), make(1, "n", loss=1), make(2, "n", loss=2)]
    assert run("keep-best=1,keep-last=0", *mixed) == ["m@2", "n@1"]


def test_a_metric_that_is_nowhere_is_an_error() -> None:
    versions = [make(1, a=1, b="x"), make(2, **{"é,:": 2.0, "nan": math.nan})]
    with pytest.raises(NotFoundError) as caught:
        select(parse(["keep-best=1:acc"]), versions, NOW)
    assert "'acc'" in caught.value.found
    assert caught.value.expected.endswith("one of: a, é,:")
    for without in ([make(1)], versions):
        with pytest.raises(NotFoundError):
            select(parse(["keep-best=1"]), without, NOW)
    assert select(parse(["keep-best=1:acc"]), [], NOW) == Selection((), ())


def test_the_newest_stays_unless_given_up() -> None:
    versions = [make(1, tags=("t",)), make(2), make(1, "n")]
    assert run("keep-tagged", *versions) == ["m@1", "m@2", "n@1"]
    assert run("keep-tagged,keep-last=0", *versions) == ["m@1"]
    assert run("keep-last=0", *versions) == []
    # A rule that keeps the newest is the stronger one.
    assert run("keep-last=0,keep-last=1", *versions) == ["m@2", "n@1"]


def test_every_reason_is_told_in_the_order_of_rules() -> None:
    selection = select(
        parse(["keep-tagged, keep-last=1", "keep-best=1:acc"]), [make(1, acc=1, tags=("t",))], NOW
    )
    rules = [reason.rule for reason in selection.kept[0].reasons]
    assert rules == ["keep-tagged", "keep-last=1", "keep-best=1:acc"]


# Reading policies


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("keep-last=3", (KeepLast(3),)),
        (" keep-last=3 , keep-tagged", (KeepLast(3), KeepTagged())),
        ("keep-last=3,keep-last=3", (KeepLast(3),)),
        ("keep-best=2", (KeepBest(2),)),
        ("keep-best=2:val/acc", (KeepBest(2, "val/acc"),)),
        ("keep-best=2:a,b,keep-days=1.5", (KeepBest(2, "a,b"), KeepDays(1.5))),
        ("keep-best=2:a:b", (KeepBest(2, "a:b"),)),
        ("keep-best=2:größe é:min", (KeepBest(2, "größe é", "min"),)),
        ("keep-best=2:min", (KeepBest(2, "min"),)),
        ("keep-best=2:x:max:min", (KeepBest(2, "x:max", "min"),)),
    ],
)
def test_policies_are_read(text: str, rules: tuple[Rule, ...]) -> None:
    policy = parse([text])
    assert policy.rules == rules
    assert parse([policy.text]) == policy


@pytest.mark.parametrize(
    "text",
    [
        "", "keep", "keep-last", "keep-last=", "keep-last=-1", "keep-last=1.5", "keep-last=٣",
        "keep-last=1,", "keep-last=1,2", "keep-last=1;keep-tagged", "keep-tagged=", "keep-tagged=x",
        "keep-best", "keep-best=0", "keep-best=0:acc", "keep-best=1:", "keep-best=1::min",
        "keep-best=acc", "keep-days=0", "keep-days=-1", "keep-days=nan", "keep-days=1e3",
        "keep-last=9999999999", "KEEP-LAST=1", "last=1",
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse([text])


def test_no_rules_are_no_policy() -> None:
    with pytest.raises(UsageError):
        parse([])


# Properties

RULES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(KeepLast, st.integers(1, 4)),
    st.builds(
        KeepBest,
        st.integers(1, 4),
        st.sampled_from(["acc", "loss"]),
        st.sampled_from(["", "min", "max"]),
    ),
    st.just(KeepTagged()),
    st.builds(KeepDays, st.sampled_from([0.5, 1.0, 3.0])),
)
VALUES = st.one_of(
    st.sampled_from([0, 1, 0.5, math.nan, math.inf, -math.inf, True, "high"]), st.floats()
)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    # A metric that is nowhere is an error, which another test is about.
    found = [make(1, "ranked", acc=1.0, loss=1.0)]
    for name in draw(st.lists(st.sampled_from(["m", "n", "ü ü"]), unique=True)):
        for sequence in draw(st.lists(st.integers(1, 99), min_size=1, max_size=8, unique=True)):
            metadata = draw(st.dictionaries(st.sampled_from(["acc", "loss"]), VALUES))
            tags = draw(st.sampled_from([(), (), ("t",), ("a", "b")]))
            age = draw(st.floats(-1, 5))
            found.append(make(sequence, name, age_days=age, tags=tags, **metadata))
    return draw(st.permutations(found))


POLICIES = st.lists(RULES, min_size=1, max_size=4, unique=True)


@given(candidates(), POLICIES)
def test_a_policy_keeps_the_union_of_what_its_rules_keep(
    versions: list[Candidate], rules: list[Rule]
) -> None:
    together = select(Policy(tuple(rules)), versions, NOW)
    alone = [set(kept(select(Policy((rule,)), versions, NOW))) for rule in rules]
    assert set(kept(together)) == set().union(*alone)
    # Every version is either kept, with a reason, or removed; never both, never lost.
    everything = kept(together) + [v.id.decode() for v in together.removed]
    assert sorted(everything) == sorted(v.id.decode() for v in versions)
    assert all(k.reasons for k in together.kept)
    newest = {v.name: v for v in sorted(versions, key=lambda v: v.sequence)}
    assert {v.id.decode() for v in newest.values()} <= set(kept(together))
    if KeepTagged() in rules:
        assert not any(v.tags for v in together.removed)


@given(candidates(), POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_rules_and_versions_is_of_no_account(
    versions: list[Candidate], rules: list[Rule], random
) -> None:
    first = select(Policy(tuple(rules)), versions, NOW)
    random.shuffle(rules)
    random.shuffle(versions)
    again = select(Policy(tuple(rules)), versions, NOW)
    assert kept(first) == kept(again)
    assert first.removed == again.removed
    for one, other in zip(first.kept, again.kept, strict=True):
        assert set(one.reasons) == set(other.reasons)


@given(candidates(), POLICIES)
def test_removing_what_a_policy_removes_leaves_it_nothing_more(
    versions: list[Candidate], rules: list[Rule]
) -> None:
    # By now, that is: with time keep-days keeps less.
    policy = Policy(tuple(rules))
    first = select(policy, versions, NOW)
    again = select(policy, [k.version for k in first.kept], NOW)
    assert again.removed == ()


@given(candidates(), st.integers(1, 4), st.sampled_from(["min", "max"]))
def test_none_that_went_was_better(versions: list[Candidate], count: int, direction: str) -> None:
    policy = Policy((KeepBest(count, "acc", direction), KeepLast(0)))
    selection = select(policy, versions, NOW)
    sign = 1 if direction == "max" else -1
    for gone, stays in itertools.product(selection.removed, selection.kept):
        value = gone.metadata.get("acc")
        finite = type(value) in (int, float) and math.isfinite(value)
        if gone.name == stays.version.name and finite:
            assert sign * stays.version.metadata["acc"] >= sign * value
