"""Keep the index of a repository: versions, lineage, refs, metadata, tensors, places of objects.

The *catalog* is one LMDB environment; docs/formats/catalog.md describes its rows. All it holds but
the packs' own content can be written anew from the packs.
"""

from __future__ import annotations

from modelhub.catalog.read import ReadTxn
from modelhub.catalog.store import Catalog
from modelhub.catalog.write import WriteTxn

__all__ = ["Catalog", "ReadTxn", "WriteTxn"]
