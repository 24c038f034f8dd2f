"""Keep the indexes that queries ask by: metric series by value, networks by their layers.

Commit and `fsck --repair` write the rows of a version beside the others. A repository that was made
before there were these indexes gets them all at once, with `fill`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from modelhub.catalog import WriteTxn
from modelhub.catalog.records import Extremes
from modelhub.dlv import networks
from modelhub.dlv.evaluations import series_of
from modelhub.dlv.state import Repo
from modelhub.errors import ModelHubError
from modelhub.net.outline import Outline, outline_of

__all__ = ["SMALLER_IS_BETTER", "best_of", "extremes", "fill", "index_version"]

# A metric is better when smaller if its name has one of these words. The query language has the
# same ones.
SMALLER_IS_BETTER = ("loss", "error", "perplexity", "mse", "mae", "wer", "cost", "fid")

Blob = Callable[[bytes], bytes]


def best_of(name: str, values: Sequence[float]) -> float | None:
    """Return the least value of a loss or an error, the greatest of any other metric."""
    there = [value for value in values if not math.isnan(value)]
    smaller = any(word in name.lower() for word in SMALLER_IS_BETTER)
    return (min if smaller else max)(there, default=None)


def extremes(series: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, Extremes]:
    """Return first, best and last value of each series that has any."""
    found: dict[str, Extremes] = {}
    for name, points in series.items():
        values = [float(value) for _, value in points]
        if values:
            found[name] = values[0], best_of(name, values), values[-1]
    return found


def index_version(
    txn: WriteTxn,
    version_id: bytes,
    network: bytes,
    series: Mapping[str, Sequence[tuple[float, float]]],
    blob: Blob,
) -> None:
    """Write what a version is found by.

    Args:
        network: The object that holds N; empty if there is none.
        blob: Reads an object by its id. A network that cannot be read is left out: `fsck` tells.
    """
    txn.put_series(version_id, extremes(series))
    txn.put_network(version_id, network, _outline(txn, network, blob))


def _outline(txn: WriteTxn, network: bytes, blob: Blob) -> Outline | None:
    if not network or txn.has_outline(network):
        return None
    try:
        return outline_of(networks.decode(blob(network)))
    except ModelHubError:
        return None


def fill(repo: Repo) -> None:
    """Write the rows of all versions anew, in one transaction; waits for other writers.

    Of a version that is damaged they lack what cannot be read: `fsck` tells.
    """
    with repo.writer_lock(), repo.catalog.write() as txn:
        if txn.indexes_complete():
            return
        txn.clear_indexes()
        for _, _, version_id in list(txn.numbered()):
            version = txn.version(version_id)
            assert version is not None
            try:
                series = dict(repo.manifest(version_id).series)
            except ModelHubError:
                series = {}
            series |= series_of(txn.annotations(version_id))
            index_version(txn, version_id, version.network, series, repo.store.blob)
        txn.finish_indexes()
