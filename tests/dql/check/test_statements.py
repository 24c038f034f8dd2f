from __future__ import annotations

import pytest

from dql import DqlError, check, parse

GOOD = [
    'select m1 where m1.name like "alexnet_%" and m1.creation_time > "2015-11-22" '
    'and m1["conv[1,3,5]"].next has POOL("MAX")',
    'slice m2 from m1 mutate m2.input = m1["conv1"] and m2.output = m1["fc7"]',
    'construct m2 from m1 where m1["conv*($1)"].next has POOL("AVG") '
    'mutate m1["conv*($1)"].insert = RELU("relu$1")',
    'evaluate m from "query3" with config = "path" vary config.base_lr in [0.1, 0.01] and '
    'config.net["conv*"].lr auto keep top(5, m["loss"], 100)',
    'evaluate m from "q" keep m["accuracy"] > 0.9',
    "select m1, m2 where m1.parent = m2 and m1.metrics.acc > m2.metrics.acc",
    "select m where m.creation_time > now() - 7 days and m.size between 1 MB and 2 GB",
    'select m where m.creation_time > date "2015-11-22" + 2 weeks',
    'select m where m in "saved" or m in saved or m in (select x) or m in m.ancestors',
    'select m where "best" in m.tags and m.metrics.accuracy.best > 0.98',
    'select m where m derived from "lenet@1" and not m derived from m.parent',
    'select m where all m["conv*"].kernel > 3 and m has CONV(kernel=3, stride>1) -> BN -> RELU',
    "select m.author, count(m) as n group by m.author order by n desc limit 3",
    "select count(*) from m",
    'select m from "saved"',
    "select m where m.name = :name and m.version in :versions",
    'select m where (m.config.base_lr * 2 = 0.1 or m.metadata["x y"] is null)',
    "select m1 where m1 in (select m2 where m2.parent = m1)",
    'construct m3 from m1, m2 mutate m1["pool5"].stitch = m2["fc6"] and m1["drop*"].delete, '
    'm3.append = FULL("fc", out=10) -> SOFTMAX and m1["conv*"].kernel = 5 and '
    'm1["block*"].repeat = 3 and m1["conv*"].freeze and m1["a($1)"].rename = "b$1"',
    'select m where any m["conv*"] has CONV(custom_thing=3)',
    "select m where m.parent is null or true",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_has_a_meaning_is_accepted(text: str) -> None:
    check(parse(text), text)


def test_all_mistakes_come_at_once() -> None:
    text = 'select m where m.nam = "x" and m.version like "1" and n.name = "y"'
    with pytest.raises(DqlError) as caught:
        check(parse(text), text)
    found = [caught.value, *caught.value.others]
    assert [text[each.column - 1 :].split()[0] for each in found] == ["nam", "m.version", "n.name"]
