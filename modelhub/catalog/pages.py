"""Check the structure of an LMDB file before the library trusts it.

LMDB maps its file and follows what stands there: a file cut short or overwritten makes it crash the
process instead of saying so. A *meta page* is one of the two roots, written in turn; every page
that a root reaches must lie inside the file and hold what its place in the tree says. LMDB's data
format 1 (all of LMDB 0.9), 64-bit little-endian, is known here; another is left to the library.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from modelhub.catalog.rows import REPAIR_HINT
from modelhub.errors import CorruptionError, ModelHubError
from modelhub.fs.files import InputFile

__all__ = ["FULL_CHECK_BYTES_MAX", "Meta", "check_tree", "read_metas"]

# Reading and checking this much takes some 20 ms, once per process; of a larger file the upper
# levels and the places of the leaves are checked, and all of it by fsck.
FULL_CHECK_BYTES_MAX = 16 << 20

_MAGIC = 0xBEEFC0DE
_DATA_VERSION = 1
_PAGE_HEADER_BYTES = 16
_NODE_HEADER_BYTES = 8
_PAGE_SIZES = frozenset(1 << n for n in range(8, 16))
_NO_PAGE = (1 << 64) - 1
_DEPTH_MAX = 32
_BRANCH, _LEAF, _OVERFLOW, _META = 1, 2, 4, 8
_BIG_DATA = 1
# magic, version, address, map size; then per tree: pad, flags, depth, branch, leaf and overflow
# pages, entries, root; then last page and transaction.
_META_FORMAT = struct.Struct("<IIQQ IHHQQQQQ IHHQQQQQ QQ")
# The largest address space of today's machines; a larger map is damage.
_MAP_BYTES_MAX = 1 << 47

Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tree:
    """One of the two trees of a root: free pages, and the rows."""

    depth: int
    leaf_pages: int
    entries: int
    root: int


@dataclass(frozen=True, slots=True)
class Meta:
    """A root: page size in bytes, its transaction's number, last page in use, and its trees."""

    page_bytes: int
    transaction: int
    last_page: int
    trees: tuple[Tree, Tree]


def read_metas(path: Path) -> tuple[Meta, Meta] | None:
    """Return both roots of a file; None if its data format is not known here.

    Raises:
        CorruptionError: this is no LMDB file, or its roots make no sense.
    """
    with InputFile(path) as file:
        first = _read_meta(file, 0)
        if first is None:
            return None
        second = _read_meta(file, first.page_bytes)
        if second is None or second.page_bytes != first.page_bytes:
            raise _damaged(path, "the two roots differ in their format")
        return first, second


def _read_meta(file: InputFile, offset: int) -> Meta | None:
    size = _PAGE_HEADER_BYTES + _META_FORMAT.size
    try:
        data = file.read(offset, size)
    except ModelHubError as error:
        raise _damaged(file.path, f"the file has only {file.size} bytes") from error
    flags = int.from_bytes(data[10:12], "little")
    fields = _META_FORMAT.unpack_from(data, _PAGE_HEADER_BYTES)
    magic, version, _, map_bytes = fields[:4]
    if magic != _MAGIC or not flags & _META:
        raise _damaged(file.path, "this is no LMDB file")
    if version != _DATA_VERSION:
        return None
    page_bytes = fields[4]
    trees = tuple(
        Tree(part[2], part[4], part[6], part[7]) for part in (fields[4:12], fields[12:20])
    )
    last_page, transaction = fields[20:]
    fits = (
        page_bytes in _PAGE_SIZES
        and map_bytes <= _MAP_BYTES_MAX
        and last_page * page_bytes <= _MAP_BYTES_MAX
        and file.size >= 2 * page_bytes
        and all(
            tree.depth <= _DEPTH_MAX and (tree.root <= last_page or tree.root == _NO_PAGE)
            for tree in trees
        )
    )
    if not fits:
        raise _damaged(file.path, "a root makes no sense")
    return Meta(page_bytes, transaction, last_page, (trees[0], trees[1]))


def check_tree(path: Path, meta: Meta, *, full: bool = False) -> None:
    """Check every page that a root reaches; a read transaction must hold the root meanwhile.

    Args:
        full: Check large files whole too; takes memory of the file's size.

    Raises:
        CorruptionError: a page is outside the file or is not what it should be.
    """
    with InputFile(path) as file:
        used = min(file.size, (meta.last_page + 1) * meta.page_bytes)
        whole = full or used <= FULL_CHECK_BYTES_MAX
        pages = _Pages(file, meta, used // meta.page_bytes, whole)
        for tree in meta.trees:
            pages.check(tree)


class _Pages:
    """The pages of a file, read at once or as they are asked for, and the checks on them."""

    def __init__(self, file: InputFile, meta: Meta, count: int, whole: bool) -> None:
        self._file = file
        self._size = meta.page_bytes
        self._count = count
        self._leaves = whole
        self._all: npt.NDArray[np.uint8] | None = None
        if whole:
            self._all = np.empty((count, self._size), np.uint8)
            file.read_into(0, self._all.reshape(-1).data)

    def check(self, tree: Tree) -> None:
        """Walk one tree, level by level."""
        if tree.root == _NO_PAGE:
            self._demand(tree.depth == 0 and tree.entries == 0, "an empty tree has entries")
            return
        level: Array = np.array([tree.root], np.int64)
        for _ in range(1, tree.depth):
            level = self._branch(self._load(level), level)
            self._demand(level.size <= self._count, "a page is reached twice")
        self._demand(level.size == tree.leaf_pages, "a tree has lost or gained pages")
        self._inside(level)
        if self._leaves:
            entries = self._leaf(self._load(level), level)
            self._demand(entries == tree.entries, "a tree has lost or gained entries")

    def _load(self, numbers: Array) -> npt.NDArray[np.uint8]:
        self._inside(numbers)
        if self._all is not None:
            return self._all[numbers]
        pages = np.empty((numbers.size, self._size), np.uint8)
        for row, number in enumerate(numbers):
            self._file.read_into(int(number) * self._size, pages[row].data)
        return pages

    def _inside(self, numbers: Array) -> None:
        inside = (numbers >= 2) & (numbers < self._count)
        self._demand(bool(inside.all()), "the file is cut short, or a page number is damaged")

    def _nodes(
        self, pages: npt.NDArray[np.uint8], numbers: Array, kind: int
    ) -> tuple[npt.NDArray[np.uint16], Array]:
        """Check headers and return the pages as 16-bit words and where their nodes begin there."""
        words = pages.view("<u2")
        flags, lower, upper = (words[:, i].astype(np.int64) for i in (5, 6, 7))
        own = pages[:, :8].copy().view("<i8")[:, 0]
        fits = (
            (own == numbers)
            & (flags == kind)
            & (lower >= _PAGE_HEADER_BYTES + (4 if kind == _BRANCH else 2))
            & (lower % 2 == 0)
            & (lower <= upper)
            & (upper <= self._size)
        )
        self._demand(bool(fits.all()), "a page is not what it should be")
        counts = (lower - _PAGE_HEADER_BYTES) // 2
        rows = np.repeat(np.arange(numbers.size), counts)
        columns = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
        starts = words[rows, _PAGE_HEADER_BYTES // 2 + columns].astype(np.int64)
        fits = (starts >= upper[rows]) & (starts % 2 == 0)
        fits &= starts + _NODE_HEADER_BYTES <= self._size
        self._demand(bool(fits.all()), "an entry lies outside its page")
        return words.reshape(-1), rows * (self._size // 2) + starts // 2

    def _branch(self, pages: npt.NDArray[np.uint8], numbers: Array) -> Array:
        """Return the pages that branch pages point to."""
        words, nodes = self._nodes(pages, numbers, _BRANCH)
        parts = [words[nodes + i].astype(np.int64) for i in range(4)]
        room = self._size - 2 * (nodes % (self._size // 2))
        self._demand(bool((parts[3] + _NODE_HEADER_BYTES <= room).all()), "a key leaves its page")
        return np.asarray(parts[0] | parts[1] << 16 | parts[2] << 32, np.int64)

    def _leaf(self, pages: npt.NDArray[np.uint8], numbers: Array) -> int:
        """Check leaf pages and the overflow pages that they point to; return their entries."""
        words, nodes = self._nodes(pages, numbers, _LEAF)
        low, high, flags, key = (words[nodes + i].astype(np.int64) for i in range(4))
        data = low | high << 16
        big = flags == _BIG_DATA
        self._demand(bool((big | (flags == 0)).all()), "an entry is of an unknown kind")
        room = self._size - 2 * (nodes % (self._size // 2)) - _NODE_HEADER_BYTES
        inside = key + np.where(big, 8, data) <= room
        self._demand(bool(inside.all()), "an entry leaves its page")
        if big.any():
            at = 2 * nodes[big] + _NODE_HEADER_BYTES + key[big]
            flat = pages.reshape(-1)
            runs = flat[at[:, None] + np.arange(8)].view("<i8")[:, 0]
            self._overflow(runs, data[big])
        return int(nodes.size)

    def _overflow(self, runs: Array, sizes: Array) -> None:
        heads = self._load(runs)
        own = heads[:, :8].copy().view("<i8")[:, 0]
        flags = heads[:, 10:12].copy().view("<u2")[:, 0]
        counts = heads[:, 12:16].copy().view("<u4")[:, 0].astype(np.int64)
        fits = (own == runs) & (flags == _OVERFLOW) & (runs + counts <= self._count)
        fits &= sizes + _PAGE_HEADER_BYTES <= counts * self._size
        self._demand(bool(fits.all()), "a long record leaves its pages")

    def _demand(self, holds: bool, found: str) -> None:
        if not holds:
            raise _damaged(self._file.path, found)


def _damaged(path: Path, found: str) -> CorruptionError:
    return CorruptionError(found, where=str(path), hint=REPAIR_HINT)
