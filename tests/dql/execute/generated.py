"""Repositories and queries by chance, always the same for the same seed."""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass, replace
from typing import Any

from dql import ast
from dql.memory import MemoryNetwork, MemoryNode, MemoryVersion
from tests.dql.execute.indexed import IndexedBackend, UnorderedBackend

_KINDS = ["CONV", "POOL", "RELU", "FULL", "BN", "AUX", "DROPOUT", "ADD", "IN"]
_NAMES = ["lenet", "alexnet", "alexnet_2", "vgg"]
_WORDS = ["ann", "bob", "a%b", ""]
_LIKE = ["alex%", "%net", "lenet", "a\\%b", "v_%", "%"]
_TAGS = ["best", "old", "v2"]
_INDEXES = [
    "name", "id", "tags", "version", "creation_time", "metrics", "metadata", "config", "kinds",
    "pairs", "parents", "children", "ancestors", "descendants",
]  # fmt: skip
_START = datetime.datetime(2015, 11, 20, tzinfo=datetime.UTC)
NOW = _START + datetime.timedelta(days=30)
PARAMETERS: dict[str, Any] = {
    "name": "lenet", "number": 2, "names": ["vgg", "lenet"],
    "when": datetime.datetime(2015, 11, 24), "some": ["v1", "v3"], "limit": 3, "flag": True,
}  # fmt: skip
QUERIES = {
    "anns": 'select m where m.author = "ann"',
    "deep": 'select m from "anns" where m has CONV',
    "sorted": "select m order by m.size desc limit 4",
}


@dataclass(frozen=True, slots=True)
class SharedNetwork(MemoryNetwork):
    """A network that tells what it has in common with others."""

    @property
    def structure(self) -> Any:
        nodes = tuple((node.name, node.kind, tuple(node.inputs)) for node in self.nodes)
        return nodes, tuple(self.outputs), self.wired


def _like(chance: random.Random, other: MemoryNetwork) -> MemoryNetwork:
    """Return a network that differs in attributes alone."""
    nodes = [
        replace(node, attributes={**node.attributes, "kernel": chance.choice([1, 3, 5])})
        for node in other.nodes
    ]
    return SharedNetwork(nodes, other.outputs, other.wired)


def network(chance: random.Random) -> MemoryNetwork | None:
    """Return a network with forks, or one whose edges are not known, or none."""
    if chance.random() < 0.2:
        return None
    wired = chance.random() < 0.8
    nodes: list[MemoryNode] = []
    for number in range(chance.randint(0, 6)):
        kind = chance.choice(_KINDS)
        before = [each.name for each in nodes[-2:]]
        inputs = chance.sample(before, chance.randint(1, len(before))) if before else ["x"]
        if not wired:
            inputs = []
        attributes: dict[str, Any] = {"kernel": chance.choice([1, 3, (3, 3), 5]), "bias": True}
        if kind == "POOL":
            attributes["mode"] = chance.choice(["MAX", "AVG"])
        nodes.append(MemoryNode(f"{kind.lower()}{number}", kind, tuple(inputs), attributes))
    outputs = (nodes[-1].name,) if nodes and wired and chance.random() < 0.3 else ()
    return chance.choice([MemoryNetwork, SharedNetwork])(nodes, outputs, wired)


def backend(chance: random.Random) -> IndexedBackend:
    """Return a backend with up to seven versions, some indexes, and answers that are too long."""
    versions: list[MemoryVersion] = []
    for number in range(chance.randint(0, 7)):
        before = [each.id for each in versions]
        parents = chance.sample(before, min(len(before), chance.choice([0, 1, 1, 2])))
        attributes: dict[str, Any] = {
            "name": chance.choice(_NAMES),
            "version": chance.randint(1, 3),
            "creation_time": _START + datetime.timedelta(days=chance.randint(0, 8)),
            "author": chance.choice([*_WORDS, None]),
            "tags": chance.sample(_TAGS, chance.randint(0, 2)),
            "size": chance.choice([1000, 5_000_000]),
        }
        metrics = {
            "acc": [chance.choice([0.5, 0.9, float("nan")]) for _ in range(chance.randint(0, 3))],
            "loss": [chance.choice([1, 2.5])],
        }
        others = [each.layers for each in versions if each.layers is not None]
        again = others and chance.random() < 0.4
        layers = _like(chance, chance.choice(others)) if again else network(chance)
        config = {"lr": chance.choice([0.1, 1, "auto", [0.1, 0.5], True]), "net": {"depth": number}}
        versions.append(
            MemoryVersion(
                f"v{number}",
                attributes,
                metrics if chance.random() < 0.8 else {},
                config,
                {"data": chance.choice(["mnist", "2015-11-24", 7])},
                parents,
                layers,
            )
        )
    kind = chance.choice([IndexedBackend, IndexedBackend, UnorderedBackend])
    return kind(
        versions,
        dict(QUERIES),
        lacking=chance.sample(_INDEXES, chance.choice([0, 0, 3, 8])),
        extra=chance.choice([0.0, 0.3]),
        seed=chance.randrange(1000),
        guess=chance.random() < 0.3,
    )


class Queries:
    """Makes selects."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._deep = 0

    def query(self) -> ast.Query:
        """Return a query."""
        return ast.Query(self._select([]), self._rarely(0.03) and False, None)

    def _rarely(self, share: float) -> bool:
        return self._chance.random() < share

    def _one(self, *items: Any) -> Any:
        return self._chance.choice(items)

    def _select(self, outer: list[str]) -> ast.Select:
        nested = self._deep > 0
        count = 1 if nested else self._one(1, 1, 1, 1, 2, 2, 3)
        own = [f"x{self._deep}"] if nested else ["m", "n", "o"][:count]
        if nested and outer and self._rarely(0.2):
            # One that hides a variable of the query around.
            own.append(outer[0])
        sources: tuple[ast.Source, ...] = ()
        if self._rarely(0.35):
            sources = tuple(ast.Source(each, self._origin(outer)) for each in own)
        scope = [*outer, *own]
        items = [ast.Item(ast.Variable(each)) for each in own]
        group: tuple[ast.Piece, ...] = ()
        grouped = not nested and self._rarely(0.15)
        if grouped:
            key = self._text(own[0])
            group = (key,) if self._rarely(0.8) else ()
            calls = [
                ast.Call("count", self._one((), (ast.Variable(own[0]),))),
                ast.Call(self._one("sum", "avg", "min", "max"), (self._number(own[0]),)),
            ]
            items = [ast.Item(each) for each in [*group, *calls]]
            sources = sources or tuple(ast.Source(each) for each in own)
        elif not nested and self._rarely(0.2):
            value = self._one(self._text, self._number, self._nodes, self._versions)(own[0])
            items.append(ast.Item(value, "extra"))
        order: tuple[ast.OrderKey, ...] = ()
        if self._rarely(0.35) and not grouped:
            kinds = (self._text, self._number, self._time)
            order = tuple(
                ast.OrderKey(self._one(*kinds)(self._one(*own)), self._rarely(0.5))
                for _ in range(self._one(1, 2))
            )
            if items[-1].name:
                order = (ast.OrderKey(ast.Variable("extra")), *order)
        limit = self._one(ast.Number(self._one(0, 1, 2, 5)), ast.Parameter("limit"))
        limited = self._rarely(0.3)
        return ast.Select(
            tuple(items),
            sources,
            self._condition(scope, 1 if nested else 3) if self._rarely(0.9) else None,
            group,
            order,
            limit if limited else None,
            ast.Number(self._one(0, 1)) if limited and self._rarely(0.4) else None,
            distinct=self._rarely(0.2),
        )

    def _origin(self, outer: list[str]) -> ast.Piece | None:
        nested = [self._subquery(outer)] if self._deep < 2 else []
        return self._one(
            None, ast.Text(self._one("anns", "deep", "sorted", "lenet")),
            ast.Parameter(self._one("name", "some")), ast.Variable("anns"), *nested, *nested,
        )  # fmt: skip

    def _subquery(self, outer: list[str]) -> ast.Subquery:
        self._deep += 1
        found = ast.Subquery(self._select(outer))
        self._deep -= 1
        return found

    # values

    def _text(self, name: str) -> ast.Piece:
        of = ast.Variable(name)
        metadata = ast.Attribute(ast.Attribute(of, "metadata"), "data")
        return self._one(
            ast.Attribute(of, "name"), ast.Attribute(of, "name"), ast.Attribute(of, "author"),
            ast.Attribute(of, "id"), ast.Call("lower", (ast.Attribute(of, "name"),)), metadata,
            ast.Attribute(ast.Attribute(of, "parent"), "name"),
            ast.Call("upper", (ast.Attribute(of, "author"),)),
        )  # fmt: skip

    def _number(self, name: str) -> ast.Piece:
        of = ast.Variable(name)
        metric = ast.Attribute(ast.Attribute(of, "metrics"), self._one("acc", "loss"))
        acc = ast.Subscript(ast.Attribute(of, "metrics"), ast.Text("acc"))
        version = ast.Attribute(of, "version")
        return self._one(
            version, ast.Attribute(of, "size"), metric, acc,
            ast.Attribute(metric, self._one("best", "last", "first")),
            ast.Attribute(ast.Attribute(of, "config"), "lr"),
            ast.Attribute(ast.Attribute(ast.Attribute(of, "config"), "net"), "depth"),
            ast.Attribute(self._nodes(name), "kernel"),
            ast.Arithmetic(self._one("+", "-", "*", "/", "%"), version, ast.Number(2)),
            ast.Call("abs", (ast.Negate(version),)), ast.Call("round", (metric,)),
            ast.Call("length", (ast.Subscript(of, ast.Text("conv*")),)),
            ast.Attribute(ast.Attribute(of, "parents"), "version"),
        )  # fmt: skip

    def _time(self, name: str) -> ast.Piece:
        time = ast.Attribute(ast.Variable(name), "creation_time")
        return self._one(time, time, ast.Arithmetic("+", time, ast.Quantity(1, "day")))

    def _versions(self, name: str) -> ast.Piece:
        words = ("parent", "parents", "children", "ancestors", "descendants")
        return ast.Attribute(ast.Variable(name), self._one(*words))

    def _nodes(self, name: str) -> ast.Piece:
        of = ast.Variable(name)
        selectors = ("conv*", "*", "[conv,pool][0-3]", "relu?", "conv*($1)", "nothing")
        nodes: ast.Piece = self._one(
            ast.Subscript(of, ast.Text(self._one(*selectors))),
            ast.Subscript(of, ast.Text(self._one(*selectors))),
            ast.Attribute(of, self._one("nodes", "input", "output")),
        )
        while self._rarely(0.4):
            nodes = ast.Hop(nodes, self._one("next", "prev"), self._one("near", "strict", "any"))
        return nodes

    def _pattern(self) -> ast.Pattern:
        steps = []
        for number in range(self._one(1, 1, 2, 3)):
            templates = tuple(self._template() for _ in range(self._one(1, 1, 1, 2)))
            reach = self._one("near", "near", "strict", "any") if number else "near"
            steps.append(ast.Step(templates, self._rarely(0.3), reach))
        return ast.Pattern(tuple(steps))

    def _template(self) -> ast.Template:
        kind = self._one(*_KINDS[:6], "conv")
        if kind == "POOL" and self._rarely(0.5):
            return ast.Template(kind, (ast.Text(self._one("max", "AVG")),))
        kernel = ast.Variable("kernel")
        arguments = self._one(
            (), (), (ast.Compare(self._one("=", "<", "!="), kernel, ast.Number(3)),),
            (ast.In(kernel, ast.Listed((ast.Number(3), ast.Number(5))), self._rarely(0.3)),),
            (ast.Between(kernel, ast.Number(2), ast.Number(4)),),
        )  # fmt: skip
        return ast.Template(kind, arguments)

    # conditions

    def _condition(self, scope: list[str], levels: int) -> ast.Piece:
        if levels and self._rarely(0.65):
            inner = [self._condition(scope, levels - 1) for _ in range(self._one(2, 2, 3))]
            kinds = (ast.And, ast.And, ast.Or)
            made = self._one(*kinds)
            parts: list[ast.Piece] = []
            for each in inner:
                parts += each.operands if isinstance(each, made) else [each]
            return made(tuple(parts))
        if self._rarely(0.08):
            return ast.Not(self._condition(scope, max(0, levels - 1)))
        found = self._simple(scope)
        return ast.Quantified(self._one("any", "all"), found) if self._rarely(0.15) else found

    def _simple(self, scope: list[str]) -> ast.Piece:
        name, other = self._one(*scope), self._one(*scope)
        makers = [
            self._texts, self._texts, self._numbers, self._numbers, self._times, self._tags,
            self._lineage, self._lineage, self._structure, self._structure, self._nulls,
        ]  # fmt: skip
        if other != name:
            makers += [self._lineage] * 4 + [self._both] * 4
        return self._one(*makers)(name, other)

    def _texts(self, name: str, _: str) -> ast.Piece:
        subject, negated = self._text(name), self._rarely(0.2)
        word = ast.Text(self._one(*_NAMES, "ann", "v1", "mnist", "LENET"))
        listed = self._one(
            ast.Listed((word, ast.Text("vgg"))), ast.Parameter("names"), ast.Listed(())
        )
        return self._one(
            ast.Compare(self._one("=", "=", "!=", "<", ">="), subject, word),
            ast.Compare("=", word, subject),
            ast.Compare("=", subject, ast.Parameter("name")),
            ast.In(subject, listed, negated),
            ast.Like(
                subject, ast.Text(self._one("alex%", "%net", "lenet", "a\\%b", "v_%")), negated
            ),
            ast.Matches(subject, ast.Text(self._one("^a", "net$", "[0-9]")), negated),
        )

    def _numbers(self, name: str, _: str) -> ast.Piece:
        subject, negated = self._number(name), self._rarely(0.2)
        value = self._one(
            ast.Number(self._one(0, 1, 2, 3, 0.5, 0.9)), ast.Parameter("number"),
            ast.Negate(ast.Number(1)), ast.Quantity(1, "MB"),
        )  # fmt: skip
        sign = self._one("=", "=", "!=", "<", "<=", ">", ">=")
        return self._one(
            ast.Compare(sign, subject, value),
            ast.Compare(sign, value, subject),
            ast.Between(subject, ast.Number(self._one(0, 1)), ast.Number(self._one(1, 2)), negated),
            ast.In(subject, ast.Listed((value, ast.Number(3))), negated),
        )

    def _times(self, name: str, _: str) -> ast.Piece:
        subject = self._time(name)
        value = self._one(
            ast.Text("2015-11-24"), ast.Date("2015-11-22T12:00"), ast.Parameter("when"),
            ast.Arithmetic("-", ast.Call("now"), ast.Quantity(self._one(25, 28), "days")),
        )  # fmt: skip
        return self._one(
            ast.Compare(self._one("=", "<", ">", ">="), subject, value),
            ast.Between(subject, ast.Text("2015-11-21"), value, self._rarely(0.2)),
        )

    def _tags(self, name: str, _: str) -> ast.Piece:
        tags, word = ast.Attribute(ast.Variable(name), "tags"), ast.Text(self._one(*_TAGS, "none"))
        return self._one(
            ast.Compare(self._one("=", "!="), tags, word),
            ast.In(word, tags, self._rarely(0.2)),
            ast.In(tags, ast.Listed((word,)), self._rarely(0.2)),
            ast.Like(tags, ast.Text("b%"), self._rarely(0.2)),
        )

    def _lineage(self, name: str, other: str) -> ast.Piece:
        of, kin, negated = ast.Variable(name), self._versions(name), self._rarely(0.2)
        words = [ast.Text(self._one("lenet", "alexnet@2", "vgg@best", "v1", "nothing"))]
        if other != name:
            words += [ast.Variable(other)] * 3
        value = self._one(*words)
        saved = self._one(ast.Text("anns"), ast.Variable("deep"), ast.Text("lenet"))
        found: list[ast.Piece] = [
            ast.Compare(self._one("=", "=", "!="), kin, value),
            ast.Compare("=", value, kin),
            ast.DerivedFrom(of, value, negated),
            ast.In(of, saved, negated),
            ast.In(kin, saved, negated),
            ast.In(of, ast.Listed((value, ast.Text("v2"))), negated),
            ast.Compare("=", ast.Attribute(ast.Call("common_ancestor", (of, of)), "id"), value)
            if isinstance(value, ast.Text)
            else ast.Compare("=", ast.Call("common_ancestor", (of, value)), value),
        ]
        if other != name:
            found += [ast.In(ast.Variable(other), kin, negated)] * 2
        if self._deep < 2:
            found += [ast.In(of, self._subquery([name, other]), negated)]
        return self._one(*found)

    def _structure(self, name: str, _: str) -> ast.Piece:
        subject = self._one(ast.Variable(name), self._nodes(name), self._nodes(name))
        parent = ast.Attribute(ast.Variable(name), "parent")
        kind = ast.Attribute(self._nodes(name), self._one("kind", "name"))
        return self._one(
            ast.Has(subject, self._pattern(), self._rarely(0.15)),
            ast.Has(subject, self._pattern(), self._rarely(0.15)),
            ast.Has(self._one(parent, ast.Subscript(parent, ast.Text("*"))), self._pattern()),
            ast.Compare("=", kind, ast.Text(self._one("CONV", "conv0", "POOL"))),
        )

    def _nulls(self, name: str, _: str) -> ast.Piece:
        subject = self._one(self._text, self._number, self._versions)(name)
        return self._one(
            ast.IsNull(subject, self._rarely(0.5)),
            ast.Compare("=", ast.Boolean(True), ast.Parameter("flag")),
            ast.Boolean(self._rarely(0.7)),
        )

    def _both(self, name: str, other: str) -> ast.Piece:
        kinds = self._one(self._text, self._number, self._time)
        if self._rarely(0.2):
            word = ast.Attribute(ast.Variable(name), self._one("name", "id"))
            return ast.Compare("=", word, ast.Variable(other))
        return ast.Compare(self._one("=", "=", "<", "!="), kinds(name), kinds(other))
