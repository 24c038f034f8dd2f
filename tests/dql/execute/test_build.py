"""What each action does, in which order, and to which nodes."""

from __future__ import annotations

import pytest

from dql.backend import Version
from dql.execute import Result, run
from tests.dql.execute.alexnets import backend, chain, names
from tests.dql.execute.editing import EditingBackend

_FROM = 'construct m2 from m1 where m1.name = "alexnet_max" mutate '


def _made(actions: str, store: EditingBackend | None = None, **parameters: object) -> Version:
    found = run(_FROM + actions, store or backend(), parameters=parameters)
    assert not found.failures, found.failures[0].error
    (row,) = found.rows
    return row[0]


def _node(version: Version, name: str) -> dict:
    network = version.network()
    assert network is not None
    return dict(next(each for each in network.nodes if each.name == name).attributes)


@pytest.mark.parametrize(
    ("actions", "wanted"),
    [
        (
            'm1["conv*($1)"].insert = BN("bn$1") -> RELU("act$1")',
            "conv1 bn1 act1 relu1 pool1 conv2 bn2 act2 conv3 bn3 act3 pool3 fc6 drop6 fc7 fc8 prob",
        ),
        (
            'm1["pool*($1)"].insert_before = BN("bn$1")',
            "conv1 relu1 bn1 pool1 conv2 conv3 bn3 pool3 fc6 drop6 fc7 fc8 prob",
        ),
        ('m1["drop*"].delete', "conv1 relu1 pool1 conv2 conv3 pool3 fc6 fc7 fc8 prob"),
        (
            'm1["fc8"].replace = FULL("fc9", out=5) -> SOFTMAX("end") and m1["prob"].delete',
            "conv1 relu1 pool1 conv2 conv3 pool3 fc6 drop6 fc7 fc9 end",
        ),
        (
            'm1["fc($1)"].rename = "full_$1"',
            "conv1 relu1 pool1 conv2 conv3 pool3 full_6 drop6 full_7 full_8 prob",
        ),
        (
            'm2.append = FULL("more") and m2.prepend = BN(name="first")',
            "first conv1 relu1 pool1 conv2 conv3 pool3 fc6 drop6 fc7 fc8 prob more",
        ),
        # each action sees what those before it made
        (
            'm1["conv1"].rename = "c1", m1["c1"].insert = BN("b"), m2["b"].insert = RELU("r")',
            "c1 b r relu1 pool1 conv2 conv3 pool3 fc6 drop6 fc7 fc8 prob",
        ),
        # a hop from the selected nodes; what was captured goes with them
        (
            'm1["conv*($1)"].next.insert = BN("behind_$1")',
            "conv1 relu1 pool1 behind_1 conv2 conv3 behind_2 pool3 behind_3 fc6 drop6 fc7 fc8 prob",
        ),
        (
            'm2.input.insert = BN("b")',
            "conv1 b relu1 pool1 conv2 conv3 pool3 fc6 drop6 fc7 fc8 prob",
        ),
    ],
)
def test_networks(actions: str, wanted: str) -> None:
    assert names(_made(actions)) == wanted


def test_what_hangs_together_is_repeated_and_replaced_at_once() -> None:
    store = backend()
    made = _made('m1["[conv2,conv3,pool3,fc8]"].repeat = 2', store)
    assert [each for each in store.calls if each[0] == "repeat"] == [
        ("repeat", ("conv2", "conv3", "pool3"), 2),
        ("repeat", ("fc8",), 2),
    ]
    assert "conv3 pool3 conv2_1 conv3_1 pool3_1 fc6" in names(made)
    made = _made('m1["conv*($1)"].replace = CONV("new$1", out=3)', store)
    assert store.calls[-2:] == [("replace", ("conv1",)), ("replace", ("conv2", "conv3"))]
    assert names(made).startswith("new1 relu1 pool1 new2 pool3")
    assert _node(made, "new2") == {"out": 3}


def test_attributes_are_computed_from_those_of_the_same_node() -> None:
    made = _made('m1["fc8"].out = m1["fc8"].out * 2 + 1')
    assert _node(made, "fc8") == {"out": 21}
    assert _node(_made('m1["fc8"].out = [3, 5]'), "fc8") == {"out": [3, 5]}
    assert _node(_made('m1["fc8"].out = :n', n=7), "fc8") == {"out": 7}
    assert _node(_made('m1["fc6"].replace = POOL("AVG", "p", kernel=:k)', k=3), "p") == {
        "mode": "AVG",
        "kernel": 3,
    }


def test_freezing() -> None:
    store = backend()
    _made('m1["conv*"].freeze and m2.freeze and m1["fc8"].freeze = false', store)
    assert store.calls == [
        ("freeze", ("conv1", "conv2", "conv3"), True),
        ("freeze", (), True),
        ("freeze", ("fc8",), False),
    ]


def test_two_networks_are_stitched() -> None:
    text = (
        'construct m3 from m1, m2 where m1.name = "alexnet_max" and m2.name = "alexnet-avgv1" '
        'mutate m1["pool1"].stitch = m2["fc6"]'
    )
    ((made,),) = run(text, backend()).rows
    assert names(made) == "conv1 relu1 pool1 fc6 fc7 fc8"
    assert made.parents == ["max", "avg"]


def test_a_selector_of_both_clauses_is_the_same_nodes() -> None:
    """In the network as it was found, and only where the condition must be true."""
    text = _FROM.replace(" mutate", ' and m1["conv*"].next! has RELU mutate')
    (row,) = run(text + 'm1["conv*"].insert = BN("b")', backend()).rows
    assert names(row[0]).startswith("conv1 b relu1 pool1 conv2 conv3 pool3")
    found = run(
        'construct m2 from m1 where m1.name = "alexnet_max" and (m1["conv*($1)"] has BN or true) '
        'mutate m1["conv*($1)"].insert = BN("b$1")',
        backend(),
    )
    assert names(found.rows[0][0]).startswith("conv1 b1 relu1 pool1 conv2 b2 conv3 b3")


def _errors(found: Result) -> list[str]:
    return [each.error.message for each in found.failures]


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ('m1["conv*"].insert = BN("same")', "there is a node `same` already."),
        ('m1["conv*"].kernel = 3', "`conv1` has no `kernel`."),
        ('m1["nothing"].delete', "No action has a node to be done to in this network."),
        ('m1["fc8"].out = m1["conv*"].kernel', "This is null for `fc8`, expected a value."),
        ('m1["conv1"].delete = m1["fc8"]', "There is no edge between these nodes."),
        ('m1["conv1"].delete = m1["relu1"]', "`relu1` cannot do without its input."),
    ],
)
def test_a_failure_of_one_model_leaves_the_others(actions: str, message: str) -> None:
    text = f'construct m2 from m1 where m1.name = "alexnet_max" mutate {actions}'
    found = run(text, backend())
    assert found.rows == []
    assert [each.version.id for each in found.failures] == ["max"]
    assert _errors(found) == [message]
    assert "^" in str(found.failures[0].error)


def test_some_models_fail_and_some_do_not() -> None:
    found = run('construct m2 from m1 mutate m1["relu1"].delete', backend())
    assert [row[0].parents for row in found.rows] == [["old"], ["max"]]
    assert [each.version.id for each in found.failures] == ["avg", "flat"]
    assert _errors(found)[1] == "there is no network with edges."
    assert found.notes == (
        '`m1["relu1"]` takes no node of `alexnet-avgv1@1`; nothing was done there.',
    )


def test_results_have_the_name_behind_as() -> None:
    found = run(_FROM + 'm1["drop6"].delete as "lean"', backend())
    assert found.saved_as == "lean"
    assert found.rows[0][0].attributes["name"] == "lean"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # selected by what they have now
        ("select m from ({}) where m has BN", ["new1", "new2"]),
        ("select m from ({}) where not m has BN", []),
        ("select m.name, count(*) as n from ({}) group by m.name", None),
        ("select m from ({}) where m derived from 'alexnet_max'", ["new2"]),
        ("select m from ({}) where m.parent.name = 'alexnet_max'", ["new2"]),
        # sliced and edited again
        (
            'slice s from m in ({}) mutate s.input = m["b1"] and s.output = m["fc6"]',
            ["new3", "new4"],
        ),
        ('construct c from m in ({}) mutate m["b1"].insert = RELU("r")', ["new3", "new4"]),
    ],
)
def test_derived_models_are_handed_on(text: str, wanted: list[str] | None) -> None:
    inner = 'construct m2 from m1 mutate m1["relu($1)"].insert = BN("b$1")'
    store = backend()
    found = run(text.format(inner), store)
    if wanted is None:
        assert found.rows == [("alexnet-origin1", 1), ("alexnet_max", 1)]
        return
    assert [row[0].id for row in found.rows] == wanted


def test_a_slice_is_edited_at_once() -> None:
    text = (
        'slice m2 from m1 where m1.name = "alexnet_max" mutate m2.input = m1["conv1"] and '
        'm2.output = m1["fc7"] and m2["drop6"].delete and m2.append = FULL("head", out=2)'
    )
    ((made,),) = run(text, backend()).rows
    assert names(made) == "conv1 relu1 pool1 conv2 conv3 pool3 fc6 fc7 head"


def test_explain_makes_nothing() -> None:
    store = backend()
    found = run("explain " + _FROM + 'm1["conv1"].delete', store)
    assert found.plan.actual is None
    assert found.plan.inputs[0].actual == 1
    assert store.made("x", [], chain("conv1").nodes).id == "new1"
