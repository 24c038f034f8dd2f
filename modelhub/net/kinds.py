"""Tell the kind of a node from its op: the words that queries use for layers.

A *kind* is a word such as `CONV`; a `POOL` has a *mode* beside it, `MAX` or `AVG`. Nodes that only
arrange sizes, views, masks and positions are `AUX`: a walk along the network looks through them.
Kinds are not stored: this table is the one place that knows them.
"""

from __future__ import annotations

__all__ = ["AUX", "KINDS", "NON_FLOAT_AUX", "kind_of", "mode_of"]

AUX = "AUX"

# Kind -> the names of ops (without namespace and overload) that are of it.
_OPS = {
    "CONV": "conv1d conv2d conv3d",
    "CONV_TRANSPOSE": "conv_transpose1d conv_transpose2d conv_transpose3d",
    "FULL": "linear addmm bilinear",
    "MATMUL": "matmul mm bmm baddbmm einsum",
    "POOL": (
        "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices avg_pool1d avg_pool2d avg_pool3d "
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
        "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"
    ),
    "BN": "batch_norm",
    "IN": "instance_norm",
    "LN": "layer_norm",
    "GN": "group_norm",
    "RMSNORM": "rms_norm",
    "LSTM": "lstm",
    "GRU": "gru",
    "RNN": "rnn_tanh rnn_relu",
    "ATTN": "scaled_dot_product_attention",
    "EMBED": "embedding embedding_bag",
    "RELU": "relu",
    "RELU6": "relu6 hardtanh",
    "GELU": "gelu",
    "SILU": "silu",
    "SIGMOID": "sigmoid hardsigmoid log_sigmoid",
    "TANH": "tanh",
    "LEAKY_RELU": "leaky_relu prelu rrelu",
    "ELU": "elu selu celu",
    "HARDSWISH": "hardswish",
    "SOFTPLUS": "softplus",
    "MISH": "mish",
    "GLU": "glu",
    "SHRINK": "hardshrink softshrink threshold",
    "SOFTMAX": "softmax log_softmax",
    "DROPOUT": "dropout feature_dropout alpha_dropout feature_alpha_dropout",
    "ADD": "add sub rsub",
    "MUL": "mul div addcmul",
    "CAT": "cat stack",
    "UPSAMPLE": (
        "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d "
        "upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d pixel_shuffle grid_sampler"
    ),
    "PAD": (
        "pad constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d"
    ),
    "FLATTEN": "flatten",
    "REDUCE": (
        "sum mean max min amax amin argmax argmin var std var_mean norm linalg_vector_norm prod "
        "logsumexp topk sort any all"
    ),
    "FUNC": (
        "neg pow exp expm1 log log1p sqrt rsqrt square reciprocal abs sign sin cos erf floor ceil "
        "round lerp clamp clamp_min clamp_max minimum maximum cosine_similarity cumsum diff "
        "remainder floor_divide"
    ),
    AUX: (
        "view reshape unflatten transpose permute t numpy_T mT movedim squeeze unsqueeze expand "
        "expand_as view_as reshape_as broadcast_to contiguous clone detach alias select slice "
        "narrow split split_with_sizes chunk unbind index index_select gather repeat "
        "repeat_interleave flip roll pixel_unshuffle channel_shuffle unfold im2col "
        "affine_grid_generator masked_fill where tril triu diagonal eq ne lt le gt ge logical_not "
        "logical_and logical_or bitwise_not bitwise_and bitwise_or isinf isnan arange zeros ones "
        "full zeros_like ones_like full_like new_zeros new_ones new_full scalar_tensor to type_as "
        "one_hot"
    ),
}

_KIND = {name: kind for kind, names in _OPS.items() for name in names.split()}
KINDS = frozenset({*_OPS, "OTHER"})

# Of these kinds a node whose values are whole numbers or truths works on masks, positions and
# sizes, not on what the network passes along.
NON_FLOAT_AUX = frozenset({"ADD", "MUL", "CAT", "REDUCE", "FUNC", "PAD", "FLATTEN", "MATMUL"})


def kind_of(op: str, dtype: str = "") -> str:
    """Return the kind of an op; `dtype` is that of the node's (first) value, if it is known."""
    namespace, _, rest = op.partition(".")
    if namespace == "sym":
        return AUX
    kind = _KIND.get(rest.partition(".")[0], "OTHER")
    return AUX if kind in NON_FLOAT_AUX and dtype.startswith(("int", "uint", "bool")) else kind


def mode_of(op: str) -> str:
    """Return the mode of a pool, `MAX` or `AVG`; empty for every other op."""
    base = op.split(".")[1] if "." in op else op
    if _KIND.get(base) != "POOL":
        return ""
    return "MAX" if "max_pool" in base else "AVG"
