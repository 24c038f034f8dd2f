"""Read a pickle without running it.

A pickle is a program for a small machine. This one knows the same instructions, but a call of a
class or function only ever reaches a *constructor* of ours, found in a table by name, that makes an
inert stand-in. A name outside the table ends the reading. Nothing is imported, no key is hashed, no
argument is copied, and both the bytes and the instructions are bounded.
"""

from __future__ import annotations

import io
import pickletools
import struct
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from modelhub.containers.limits import PICKLE_BYTES_MAX, PICKLE_OPS_MAX
from modelhub.containers.model import Readable
from modelhub.containers.pickle_values import Buildable, Global, Items
from modelhub.errors import BadInputError

__all__ = ["Constructor", "PickleReader", "PickleStream", "Table"]

Constructor = Callable[..., object]
# "module.name" -> constructor; None where the name may be mentioned, but not called.
Table = Mapping[str, Constructor | None]

_PROTOCOL_MAX = 5
# A call copies its arguments, and one tuple can be an argument a million times.
_ARGUMENTS_MAX = 32
_DAMAGE = (
    ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, EOFError,
    struct.error, MemoryError,
)  # fmt: skip


class _Raw(io.RawIOBase):
    """The bytes of a file from a position on, up to what a pickle may have."""

    def __init__(self, file: Readable, start: int) -> None:
        self._file = file
        self._at = start
        self.stop = min(file.size, start + PICKLE_BYTES_MAX)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self.stop - self._at)
        buffer[:size] = self._file.read(self._at, size)
        self._at += size
        return size


class PickleStream(io.BufferedReader):
    """Part of a file as the stream that `pickletools` reads."""

    def __init__(self, file: Readable, start: int = 0) -> None:
        raw = _Raw(file, start)
        super().__init__(raw, 1 << 16)
        self._start = start
        self._stop = raw.stop
        self._read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes; takes no memory for more than there are."""
        wanted = self._stop - self._start if size is None or size < 0 else size
        data = super().read(min(wanted, self._stop - self._start - self._read))
        self._read += len(data)
        return data

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the bytes up to a line end."""
        data = super().readline(-1 if size is None else size)
        self._read += len(data)
        return data

    def tell(self) -> int:
        """Return the position in the file."""
        return self._start + self._read


class PickleReader:
    """Runs one pickle on stand-ins.

    Args:
        table: What may be named, and what a call of it makes.
        persistent: Makes the stand-in for a persistent id, which is how torch writes storages.
        where: The file, for messages.
    """

    def __init__(
        self, table: Table, persistent: Callable[[object], object] | None, where: str
    ) -> None:
        self._table = table
        self._persistent = persistent
        self._where = where
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._count = 0

    def read(self, stream: PickleStream) -> Any:
        """Return what the pickle at the stream's position holds; leaves the stream behind it.

        Raises:
            BadInputError: kind unsafe_pickle if it names what is not in the table, bad_header if it
                is damaged or too large.
        """
        self._stack, self._marks, self._memo = [], [], {}
        begin = stream.tell()
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                self._count += 1
                if self._count > PICKLE_OPS_MAX:
                    raise self._bad(f"a pickle of more than {PICKLE_OPS_MAX} instructions")
                if opcode.name == "STOP":
                    return self._stack.pop()
                _INSTRUCTIONS[opcode.name](self, argument)
        except _DAMAGE as error:
            reason = str(error)[:120] or type(error).__name__
            raise self._bad(f"a damaged pickle at byte {begin} ({reason})") from error
        raise self._bad("a pickle without an end")

    def _bad(self, found: str) -> BadInputError:
        return BadInputError(found, where=self._where, kind="bad_header")

    def _unsafe(self, what: str) -> NoReturn:
        raise BadInputError(
            f"reading it would need {what}, and that can run any code",
            expected="tensors in dicts and lists, with numbers and text beside them",
            where=self._where,
            hint="load it where it was made and save its state_dict(), best as safetensors; or "
            "keep it unread with `modelhub add --as-file PATH`",
            kind="unsafe_pickle",
        )

    def _pop_mark(self) -> list[Any]:
        position = self._marks.pop()
        items = self._stack[position:]
        del self._stack[position:]
        return items

    def push(self, value: object) -> None:
        """Push a constant."""
        self._stack.append(value)

    def mark(self, _: object) -> None:
        """Begin a group."""
        self._marks.append(len(self._stack))

    def pop(self, _: object) -> None:
        """Drop the top, which may be a mark."""
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._stack.pop()

    def pop_mark(self, _: object) -> None:
        """Drop a group."""
        self._pop_mark()

    def dup(self, _: object) -> None:
        """Push the top again."""
        self._stack.append(self._stack[-1])

    def group_list(self, _: object) -> None:
        """Make a group a list; sets are lists here."""
        self._stack.append(self._pop_mark())

    def group_tuple(self, _: object) -> None:
        """Make a group a tuple."""
        self._stack.append(tuple(self._pop_mark()))

    def group_dict(self, _: object) -> None:
        """Make a group a dict."""
        items = self._pop_mark()
        self._stack.append(Items(None, _pairs(items)))

    def short_tuple(self, size: int) -> None:
        """Make the top values a tuple."""
        items = tuple(self._stack[-size:])
        if len(items) != size:
            raise IndexError("stack underflow")
        del self._stack[-size:]
        self._stack.append(items)

    def append(self, _: object) -> None:
        """Append the top to the list below it."""
        value = self._stack.pop()
        self._list().append(value)

    def appends(self, _: object) -> None:
        """Append a group to the list below it."""
        items = self._pop_mark()
        self._list().extend(items)

    def _list(self) -> list[Any]:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise TypeError(f"append to a {type(target).__name__}")
        return target

    def set_item(self, _: object) -> None:
        """Put the top into the dict below, under the key between."""
        value = self._stack.pop()
        key = self._stack.pop()
        self._items().append((key, value))

    def set_items(self, _: object) -> None:
        """Put a group of keys and values into the dict below it."""
        items = self._pop_mark()
        self._items().extend(_pairs(items))

    def _items(self) -> list[tuple[object, object]]:
        target = self._stack[-1]
        if not isinstance(target, Items):
            raise TypeError(f"item set on a {type(target).__name__}")
        return target.pairs

    def put(self, index: int) -> None:
        """Remember the top under a number."""
        self._memo[index] = self._stack[-1]

    def memoize(self, _: object) -> None:
        """Remember the top under the next number."""
        self._memo[len(self._memo)] = self._stack[-1]

    def get(self, index: int) -> None:
        """Push what is remembered under a number."""
        self._stack.append(self._memo[index])

    def global_(self, argument: str) -> None:
        """Push a name."""
        module, name = argument.split(" ", 1)
        self._push_global(module, name)

    def stack_global(self, _: object) -> None:
        """Push a name whose parts are on the stack."""
        name = self._stack.pop()
        module = self._stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError("a name that is no text")
        self._push_global(module, name)

    def _push_global(self, module: str, name: str) -> None:
        made = Global(module, name)
        if made.path not in self._table:
            self._unsafe(f"the Python name {made.path[:120]!r}")
        self._stack.append(made)

    def reduce(self, _: object) -> None:
        """Call: ask the constructor in the table for a stand-in."""
        arguments = self._stack.pop()
        called = self._stack.pop()
        self._stack.append(self.construct(called, arguments))

    def new_object_with_keywords(self, _: object) -> None:
        """Call with keywords, which no class in the table takes."""
        keywords = self._stack.pop()
        if not isinstance(keywords, Items) or keywords.pairs:
            raise TypeError("a call with keywords")
        self.reduce(None)

    def construct(self, called: object, arguments: object) -> object:
        """Return the stand-in for a call."""
        constructor = self._table.get(called.path) if isinstance(called, Global) else None
        if constructor is None or not isinstance(called, Global):
            what = called.path if isinstance(called, Global) else type(called).__name__
            self._unsafe(f"a call of {what[:120]!r}")
        if not isinstance(arguments, tuple) or len(arguments) > _ARGUMENTS_MAX:
            raise TypeError("call arguments that are no short tuple")
        return constructor(*arguments)

    def build(self, _: object) -> None:
        """Give the top's state to the object below; attributes that we have no use for are left."""
        state = self._stack.pop()
        target = self._stack[-1]
        if isinstance(target, Buildable):
            target.build(state)

    def persistent_id(self, _: object) -> None:
        """Push the stand-in for a persistent id."""
        identifier = self._stack.pop()
        if self._persistent is None:
            self._unsafe("an object outside the pickle")
        self._stack.append(self._persistent(identifier))

    def refuse(self, _: object) -> None:
        """Refuse an instruction that only pickles of classes use."""
        self._unsafe("an instruction that creates instances of classes")

    def protocol(self, version: int) -> None:
        """Check the version."""
        if version > _PROTOCOL_MAX:
            raise ValueError(f"pickle protocol {version}")

    def nothing(self, _: object) -> None:
        """Skip a hint."""


def _pairs(items: list[Any]) -> list[tuple[object, object]]:
    if len(items) % 2:
        raise ValueError("a key without a value")
    return list(zip(items[::2], items[1::2], strict=True))


def _constant(value: Callable[[], object]) -> Callable[[PickleReader, Any], None]:
    return lambda reader, _: reader.push(value())


def _tuple_of(size: int) -> Callable[[PickleReader, Any], None]:
    return lambda reader, _: reader.short_tuple(size)


_R = PickleReader
_VALUES = (
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
)  # fmt: skip
_INSTRUCTIONS: dict[str, Callable[[PickleReader, Any], None]] = {
    **dict.fromkeys(_VALUES, _R.push),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _R.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _R.get),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _R.reduce),
    **dict.fromkeys(("APPENDS", "ADDITEMS"), _R.appends),
    **dict.fromkeys(("LIST", "FROZENSET"), _R.group_list),
    **dict.fromkeys(("EMPTY_LIST", "EMPTY_SET"), _constant(list)),
    **dict.fromkeys(("INST", "OBJ", "EXT1", "EXT2", "EXT4", "PERSID"), _R.refuse),
    **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), _R.refuse),
    "NONE": _constant(lambda: None),
    "NEWTRUE": _constant(lambda: True),
    "NEWFALSE": _constant(lambda: False),
    "EMPTY_TUPLE": _constant(tuple),
    "EMPTY_DICT": _constant(Items),
    "TUPLE": _R.group_tuple,
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "DICT": _R.group_dict,
    "APPEND": _R.append,
    "SETITEM": _R.set_item,
    "SETITEMS": _R.set_items,
    "MARK": _R.mark,
    "POP": _R.pop,
    "POP_MARK": _R.pop_mark,
    "DUP": _R.dup,
    "MEMOIZE": _R.memoize,
    "GLOBAL": _R.global_,
    "STACK_GLOBAL": _R.stack_global,
    "NEWOBJ_EX": _R.new_object_with_keywords,
    "BUILD": _R.build,
    "BINPERSID": _R.persistent_id,
    "PROTO": _R.protocol,
    "FRAME": _R.nothing,
}
