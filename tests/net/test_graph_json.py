"""Networks as canonical JSON: golden files, and hostile ones within bounds of time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelhub.errors import CorruptionError
from modelhub.net.arguments import Ref
from modelhub.net.graph import NODES_MAX, OUTPUT_DEPTH_MAX, Group, Network, Node, Value
from modelhub.net.graph_json import BYTES_MAX, STRUCTURES_MAX, from_json, to_json

GOLDEN = Path(__file__).parents[1] / "golden" / "network-v2"
EXPECTED: dict[str, Any] = json.loads((GOLDEN / "expected.json").read_text())


def test_golden_files_are_listed() -> None:
    assert sorted(p.name for p in (GOLDEN / "good").iterdir()) == EXPECTED["good"]
    assert {p.name for p in (GOLDEN / "bad").iterdir()} == EXPECTED["bad"].keys()


@pytest.mark.parametrize("name", EXPECTED["good"])
def test_golden_files_read(name: str) -> None:
    data = (GOLDEN / "good" / name).read_bytes()
    assert to_json(from_json(data)) == data


@pytest.mark.parametrize("name", EXPECTED["bad"])
def test_golden_files_are_refused(name: str) -> None:
    with pytest.raises(CorruptionError) as caught:
        from_json((GOLDEN / "bad" / name).read_bytes())
    assert caught.value.kind == EXPECTED["bad"][name]
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("op-from-file.json", "'aten.from_file.default' is not one that a network may hold"),
        ("cycle.json", "node 'conv1': it reads 'pool', which is not before it"),
        ("name-twice.json", "node 'conv1': the name is taken"),
        ("name-injection.json", "'x;import os' is not a name"),
        ("shape-huge-product.json", "a shape with more than"),
        ("key-twice.json", "not in canonical form"),
        ("field-missing.json", "'tensors' is missing"),
    ],
)
def test_reasons(name: str, reason: str) -> None:
    with pytest.raises(CorruptionError, match=reason):
        from_json((GOLDEN / "bad" / name).read_bytes())


def test_the_example_is_the_documents() -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats" / "network.md").read_text()
    block = page.split("```json\n")[1].split("```")[0]
    found = from_json((GOLDEN / "good" / "example.json").read_bytes())
    value = json.loads(block)
    assert json.dumps(value, sort_keys=True, separators=(",", ":")).encode() == to_json(found)


def _chain(count: int) -> Network:
    values = (Value("float32", (1,)),)
    nodes = [
        Node(
            f"n{number}",
            "aten.relu.default",
            arguments={"self": Ref(f"n{number - 1}" if number else "x")},
            values=values,
        )
        for number in range(count)
    ]
    return Network({"x": values[0]}, tuple(nodes), ())


def test_most_nodes() -> None:
    network = _chain(NODES_MAX)
    assert from_json(to_json(network)) == network


def test_one_node_more() -> None:
    with pytest.raises(ValueError, match=f"{NODES_MAX + 1} nodes, at most"):
        to_json(_chain(NODES_MAX + 1))


def _nested(depth: int) -> Network:
    output: Any = None
    for _ in range(depth):
        output = Group("list", (output,))
    return Network({}, (), (), output)


def test_deepest_outputs() -> None:
    network = _nested(OUTPUT_DEPTH_MAX)
    assert from_json(to_json(network)) == network
    start, deep = to_json(network).split(b'"outputs":')
    wrapped = deep.replace(b"null", b'{"list":[null]}')
    with pytest.raises(CorruptionError, match="nested too deep"):
        from_json(start + b'"outputs":' + wrapped)


# Each makes a text that would take much time or memory if it were taken at its word.
HOSTILE = {
    "a million nodes": """
node = b'{"args":{"self":{"n":"x"}},"name":"n","op":"aten.relu.default","values":[]}'
data = b'{"executable":true,"format":2,"inputs":[],"nodes":[' + b",".join([node] * 10**6) + b"]}"
""",
    "a million empty nodes": """
data = b'{"executable":true,"format":2,"inputs":[],"nodes":[' + b",".join([b"{}"] * 10**6) + b"]}"
""",
    "many lists": "data = b'[' + b'[],' * 900_000 + b'0]'",
    "deep lists": "data = b'[' * 900_000 + b']' * 900_000",
    "deep argument": """
data = b'{"executable":true,"format":2,"inputs":[],"nodes":[{"args":{"self":' + b"[" * 400
data += b"]" * 400 + b'},"name":"n","op":"aten.relu.default","values":[]}],'
data += b'"outputs":null,"tensors":[]}'
""",
    "long number": """data = b'{"format":' + b"9" * (15 << 20) + b"}" """,
    "long name": """
data = b'{"executable":true,"format":2,"inputs":[["' + b"a." * (7 << 20) + b'x","bool",[]]],'
data += b'"nodes":[],"outputs":null,"tensors":[]}'
""",
    "huge constant": """
data = b'{"executable":true,"format":2,"inputs":[],"nodes":[],"outputs":null,"tensors":[{"data":"'
data += b"AAAA" * (3 << 20) + b'","dtype":"uint8","name":"a","role":"constant","shape":['
data += str(3 * (3 << 20)).encode() + b"]}]}"
""",
    "many constants": """
row = b'{"data":"' + b"AAAA" * 100 + b'","dtype":"uint8","name":"a%d",'
row += b'"role":"constant","shape":[300]}'
data = b'{"executable":true,"format":2,"inputs":[],"nodes":[],"outputs":null,"tensors":['
data += b",".join([row % number for number in range(30_000)]) + b"]}"
""",
    "many tensors": """
row = b'{"dtype":"uint8","name":"a%d","role":"buffer","shape":[]}'
data = b'{"executable":true,"format":2,"inputs":[],"nodes":[],"outputs":null,"tensors":['
data += b",".join([row % number for number in range(200_000)]) + b"]}"
""",
    "a node that reads a million times": """
data = b'{"executable":true,"format":2,"inputs":[["x","bool",[]]],"nodes":[{"args":{"tensors":['
data += b",".join([b'{"n":"x"}'] * 900_000) + b']},"name":"n","op":"aten.cat.default",'
data += b'"values":[["bool",[1]]]}],"outputs":null,"tensors":[]}'
""",
    "many dimensions": """
data = b'{"executable":true,"format":2,"inputs":[["x","bool",[' + b"9," * (4 << 20)
data += b'9]]],"nodes":[],"outputs":null,"tensors":[]}'
""",
    "deep names": """
name = b".".join([b"a"] * 240)
row = b'{"dtype":"uint8","name":"b%d.' + name + b'","role":"buffer","shape":[]}'
data = b'{"executable":true,"format":2,"inputs":[],"nodes":[],"outputs":null,"tensors":['
data += b",".join([row % number for number in range(28_000)]) + b"]}"
""",
    "long sizes": """
data = b'{"executable":true,"format":2,"inputs":[["x","bool",["' + b"(" * (15 << 20)
data += b'"]]],"nodes":[],"outputs":null,"tensors":[]}'
""",
    "deep outputs": """
data = b'{"executable":true,"format":2,"inputs":[],"nodes":[],"outputs":' + b'{"list":[' * 300
data += b"null" + b"]}" * 300 + b',"tensors":[]}'
""",
    "many numbers": "data = b'[' + b'1,' * (7 << 20) + b'1]'",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_cost_little(name: str) -> None:
    program = f"""
import resource
from modelhub.errors import CorruptionError
from modelhub.net.graph_json import from_json
{HOSTILE[name]}
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    from_json(data)
except CorruptionError as error:
    assert len(str(error)) < 600, str(error)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert int(done.stdout) < 500 << 10


def test_limits_are_looked_at_first() -> None:
    with pytest.raises(CorruptionError, match=f"at most {BYTES_MAX}"):
        from_json(b" " * (BYTES_MAX + 1))
    with pytest.raises(CorruptionError, match=f"more than {STRUCTURES_MAX}"):
        from_json(b"{" * (STRUCTURES_MAX + 1))
