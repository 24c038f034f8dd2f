"""The words that have a meaning in DQL: keywords, functions, attributes, templates, units."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "ACTIONS",
    "AGGREGATES",
    "AUX",
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
_RECURRENT = ("in", "out", "layers", "bias", "bidirectional", "rate")
_ACTIVATIONS = (
    "RELU", "RELU6", "GELU", "SILU", "SIGMOID", "TANH", "LEAKY_RELU", "ELU", "HARDSWISH",
    "SOFTPLUS", "MISH", "GLU", "SHRINK",
)  # fmt: skip
# The kinds of nodes, with the attributes that each is known to have beside `name`. AUX are nodes
# that only arrange sizes, views, masks and positions; OTHER are those that are of no kind here.
TEMPLATE_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("CONV", "CONV_TRANSPOSE"), (*_SPATIAL, "in", "out", "bias")),
    "POOL": (*_SPATIAL, "mode", "global"),
    "FULL": ("in", "out", "bias"),
    "MATMUL": (),
    "EMBED": ("in", "out"),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _RECURRENT),
    "ATTN": ("heads", "in", "out", "causal", "rate"),
    **dict.fromkeys(("BN", "IN"), ("out", "eps", "momentum", "bias")),
    "GN": ("out", "eps", "groups", "bias"),
    **dict.fromkeys(("LN", "RMSNORM"), ("out", "eps", "axis", "bias")),
    **dict.fromkeys(_ACTIVATIONS, ("axis",)),
    "SOFTMAX": ("axis",),
    "DROPOUT": ("rate",),
    **dict.fromkeys(("CAT", "REDUCE", "FLATTEN"), ("axis",)),
    **dict.fromkeys(("ADD", "MUL", "FUNC", "UPSAMPLE", "PAD", "AUX", "OTHER"), ("axis", "mode")),
}
TEMPLATES = tuple(TEMPLATE_ATTRIBUTES)
# What a template's argument without a name stands for; for every other kind it is the name.
POSITIONAL = {"POOL": "mode"}
# Nodes that a hop passes over: activations, dropout, and what only changes a shape.
AUX = "AUX"
SEEN_THROUGH = frozenset({*_ACTIVATIONS, "DROPOUT", "FLATTEN", AUX})

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
