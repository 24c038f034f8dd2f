"""The words that have a meaning in DQL: keywords, functions, attributes, templates, units."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "ACTIONS",
    "AGGREGATES",
    "BUILDING",
    "FUNCTIONS",
    "KEYWORDS",
    "POSITIONAL",
    "SEEN_THROUGH",
    "TEMPLATES",
    "TEMPLATE_ATTRIBUTES",
    "UNITS",
    "VERSION_ATTRIBUTES",
    "Kind",
]

Kind = Literal[
    "text", "number", "time", "duration", "boolean", "version", "versions", "nodes", "values",
    "series", "config", "null", "any",
]  # fmt: skip

KEYWORDS = (
    "explain", "select", "slice", "construct", "evaluate", "distinct", "from", "where", "group",
    "order", "by", "limit", "offset", "mutate", "with", "vary", "keep", "auto", "asc", "desc",
    "and", "or", "not", "any", "all", "between", "in", "like", "matches", "is", "null", "has",
    "derived", "true", "false", "as", "date",
)  # fmt: skip

# What a version has. `metrics`, `config` and `metadata` are looked into by a dot or brackets.
VERSION_ATTRIBUTES: dict[str, Kind] = {
    "name": "text",
    "version": "number",
    "id": "text",
    "creation_time": "time",
    "message": "text",
    "author": "text",
    "tags": "values",
    "files": "values",
    "size": "number",
    "stored_size": "number",
    "parameters": "number",
    "snapshots": "number",
    "parent": "version",
    "parents": "versions",
    "children": "versions",
    "ancestors": "versions",
    "descendants": "versions",
    "nodes": "nodes",
    "metrics": "any",
    "config": "any",
    "metadata": "any",
    "input": "nodes",
    "output": "nodes",
}

# Name -> (least arguments, most arguments, kind of the result).
FUNCTIONS: dict[str, tuple[int, int, Kind]] = {
    "count": (0, 1, "number"),
    "sum": (1, 1, "number"),
    "avg": (1, 1, "number"),
    "min": (1, 1, "any"),
    "max": (1, 1, "any"),
    "common_ancestor": (2, 2, "version"),
    "now": (0, 0, "time"),
    "lower": (1, 1, "text"),
    "upper": (1, 1, "text"),
    "length": (1, 1, "number"),
    "abs": (1, 1, "number"),
    "round": (1, 2, "number"),
    "top": (2, 3, "boolean"),
}
AGGREGATES = frozenset({"count", "sum", "avg", "min", "max"})

_SPATIAL = ("kernel", "stride", "padding", "dilation", "groups")
# The kinds of nodes, with the attributes that each is known to have beside `name`.
TEMPLATE_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "CONV": (*_SPATIAL, "in", "out", "bias"),
    "DECONV": (*_SPATIAL, "in", "out", "bias"),
    "POOL": (*_SPATIAL, "mode", "global"),
    "FULL": ("in", "out", "bias"),
    "EMBED": ("in", "out"),
    "LSTM": ("in", "out", "layers", "bidirectional"),
    "GRU": ("in", "out", "layers", "bidirectional"),
    "RNN": ("in", "out", "layers", "bidirectional"),
    "ATTN": ("heads", "out", "causal"),
    "BN": ("out", "eps", "momentum"),
    "LN": ("out", "eps"),
    "GN": ("out", "eps", "groups"),
    "RMSNORM": ("out", "eps"),
    "LRN": ("size",),
    **dict.fromkeys(("RELU", "GELU", "SILU", "TANH", "SIGMOID", "LEAKY_RELU", "ELU", "ACT"), ()),
    **dict.fromkeys(("SOFTMAX", "CONCAT"), ("axis",)),
    "DROPOUT": ("rate",),
    **dict.fromkeys(("FLATTEN", "RESHAPE", "TRANSPOSE", "PAD", "UPSAMPLE", "SLICE"), ()),
    **dict.fromkeys(("ADD", "MUL", "MATMUL", "MEAN", "LOSS", "INPUT", "OUTPUT"), ()),
}
TEMPLATES = tuple(TEMPLATE_ATTRIBUTES)
# What a template's argument without a name stands for; for every other kind it is the name.
POSITIONAL = {"POOL": "mode"}
# Nodes that a hop passes over: activations, dropout, and what only changes a shape.
SEEN_THROUGH = frozenset({
    "RELU", "GELU", "SILU", "TANH", "SIGMOID", "LEAKY_RELU", "ELU", "ACT", "DROPOUT", "FLATTEN",
    "RESHAPE", "TRANSPOSE",
})  # fmt: skip

# What `mutate` can do to nodes or a network, and whether it takes a value: yes, no, or either.
ACTIONS: dict[str, str] = {
    "insert": "yes",
    "insert_before": "yes",
    "delete": "either",
    "replace": "yes",
    "rename": "yes",
    "append": "yes",
    "prepend": "yes",
    "stitch": "yes",
    "repeat": "yes",
    "freeze": "either",
}
# Those of which the value is a node, or a chain of nodes, to build.
BUILDING = frozenset({"insert", "insert_before", "replace", "append", "prepend"})

# Unit -> (what it measures, how much it is in numbers or seconds).
UNITS: dict[str, tuple[Kind, float]] = {
    "B": ("number", 1), "kB": ("number", 1e3), "MB": ("number", 1e6), "GB": ("number", 1e9),
    "TB": ("number", 1e12), "KiB": ("number", 2**10), "MiB": ("number", 2**20),
    "GiB": ("number", 2**30), "TiB": ("number", 2**40), "k": ("number", 1e3),
    "M": ("number", 1e6), "G": ("number", 1e9), "ms": ("duration", 1e-3),
    "s": ("duration", 1), "second": ("duration", 1), "seconds": ("duration", 1),
    "min": ("duration", 60), "minute": ("duration", 60), "minutes": ("duration", 60),
    "h": ("duration", 3600), "hour": ("duration", 3600), "hours": ("duration", 3600),
    "d": ("duration", 86400), "day": ("duration", 86400), "days": ("duration", 86400),
    "w": ("duration", 604800), "week": ("duration", 604800), "weeks": ("duration", 604800),
}  # fmt: skip
