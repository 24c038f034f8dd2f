"""Bound what a hostile file can make us spend; honest files stay far below.

Each limit has a test at it and one past it, or says why not.
"""

from __future__ import annotations

from modelhub.errors import BadInputError

__all__ = [
    "CENTRAL_BYTES_MAX",
    "INFLATE_FREE_BYTES",
    "INFLATE_RATIO_MAX",
    "LIST_SCALARS_MAX",
    "METADATA_COUNT_MAX",
    "METADATA_VALUE_BYTES_MAX",
    "NAME_BYTES_MAX",
    "NEST_MAX",
    "NODES_MAX",
    "NPY_HEADER_BYTES_MAX",
    "PICKLE_BYTES_MAX",
    "PICKLE_OPS_MAX",
    "PROTOBUF_FIELDS_MAX",
    "PT2_CONFIG_BYTES_MAX",
    "SAFETENSORS_HEADER_BYTES_MAX",
    "TENSOR_BYTES_MAX",
    "check_name",
    "check_size",
]

# The limit of the safetensors library itself.
SAFETENSORS_HEADER_BYTES_MAX = 100_000_000
# numpy's own default (`max_header_size`): longer ones can make `ast.literal_eval` slow.
NPY_HEADER_BYTES_MAX = 10_000
# 64 MiB of zip directory name about 700,000 members.
CENTRAL_BYTES_MAX = 64 << 20
# A pickle of torch spends about 200 bytes and 35 operations on a tensor: both limits admit 280,000
# tensors. An operation costs at most about 250 bytes of memory and 3 microseconds.
PICKLE_BYTES_MAX = 64 << 20
PICKLE_OPS_MAX = 10_000_000
# A field costs about a microsecond to walk over. An initializer has about five, and what is inside
# nodes is not walked: the limit admits models far past the 2 GiB that a protobuf can have.
PROTOBUF_FIELDS_MAX = 4_000_000
# The list of weights in a .pt2 spends about 350 bytes on each: this admits 190,000.
PT2_CONFIG_BYTES_MAX = 64 << 20
# Pickles and JSON can share or nest values so that a walk never ends. People nest less than ten,
# and the limits above admit 280,000 tensors; a visit takes about 0.7 microseconds.
NEST_MAX = 64
NODES_MAX = 2_000_000
# One name; a nested checkpoint's dotted names are about 100 bytes.
NAME_BYTES_MAX = 4096
# More scalars than this are no metadata but data; they stay in the file.
METADATA_COUNT_MAX = 4096
METADATA_VALUE_BYTES_MAX = 64 << 10
LIST_SCALARS_MAX = 64
# Deflate itself reaches 1032:1, which honest zero-filled arrays do too: below 1 GiB any ratio is
# admitted, above it only what could be weights.
INFLATE_FREE_BYTES = 1 << 30
INFLATE_RATIO_MAX = 100
# A view with strides of 0 can claim any size on a few bytes; 1 TiB is past any tensor.
TENSOR_BYTES_MAX = 1 << 40


def check_name(name: str, where: str) -> str:
    """Return a tensor's name; raises BadInputError, kind bad_name, if it cannot be kept.

    Names are plain text, never paths: slashes, dots, line ends and the empty name are all fine.
    """
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise BadInputError(
            f"tensor name {name[:64]!r} has a lone surrogate",
            expected="Unicode text",
            where=where,
            kind="bad_name",
        ) from error
    if size > NAME_BYTES_MAX:
        raise BadInputError(
            f"tensor name {name[:32]!r}... of {size} bytes",
            expected=f"at most {NAME_BYTES_MAX}",
            where=where,
            kind="bad_name",
        )
    return name


def check_size(nbytes: int, name: str, where: str) -> None:
    """Raise BadInputError, kind bad_shape, for a tensor too large to be one."""
    if nbytes > TENSOR_BYTES_MAX:
        raise BadInputError(
            f"the shape of tensor {name!r} asks for {nbytes} bytes",
            expected=f"at most {TENSOR_BYTES_MAX}",
            where=where,
            kind="bad_shape",
        )
