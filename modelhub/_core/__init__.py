"""The compiled core: packs, the chains of deltas in them, blobs, and archival plans.

A *pack* is an immutable file of *entries*; an entry is an array's bytes, stored alone or as a delta
against its *base*; a *segment* is one byte plane of an entry, most significant first, or in a
*fixed* entry a few bits of each element; a *block* is a run of elements that can be decoded alone;
a *cell* is one segment of one block. The format is specified in docs/formats/pack.md. This package
alone imports the extension.
"""

from __future__ import annotations

from modelhub._core._ext import (
    FORMAT_VERSION,
    NO_EDGE,
    STATUS_KINDS,
    Entry,
    PackReader,
    PackWriter,
    PartialEntry,
    archival_auto,
    archival_check,
    archival_evaluate,
    archival_least_costs,
    archival_solve,
    blob_info,
    checksum,
    cpu,
    decode,
    decode_blob,
    decode_prefix,
    encode_blob,
    estimate,
)

__all__ = [
    "FORMAT_VERSION",
    "NO_EDGE",
    "STATUS_KINDS",
    "Entry",
    "PackReader",
    "PackWriter",
    "PartialEntry",
    "archival_auto",
    "archival_check",
    "archival_evaluate",
    "archival_least_costs",
    "archival_solve",
    "blob_info",
    "checksum",
    "cpu",
    "decode",
    "decode_blob",
    "decode_prefix",
    "encode_blob",
    "estimate",
]
