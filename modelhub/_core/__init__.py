"""The compiled core: packs, the chains of deltas in them, and blobs.

A *pack* is an immutable file of *entries*; an entry is an array's bytes, stored alone or as a delta
against its *base*; a *segment* is one byte plane of an entry, most significant first; a *block* is
a run of elements that can be decoded alone; a *cell* is one segment of one block. The format is
specified in docs/formats/pack.md. This package alone imports the extension.
"""

from __future__ import annotations

from modelhub._core._ext import (
    FORMAT_VERSION,
    STATUS_KINDS,
    Entry,
    PackReader,
    PackWriter,
    blob_info,
    checksum,
    cpu,
    decode,
    decode_blob,
    encode_blob,
)

__all__ = [
    "FORMAT_VERSION",
    "STATUS_KINDS",
    "Entry",
    "PackReader",
    "PackWriter",
    "blob_info",
    "checksum",
    "cpu",
    "decode",
    "decode_blob",
    "encode_blob",
]
