"""Walk the wire format of protocol buffers, field by field, without a schema or a library.

A *field* is a number, a wire type and a value: a whole number, or the range of bytes that a
length-delimited field holds. Ranges are not read, so a walk costs the fields, not the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from modelhub.containers.limits import PROTOBUF_FIELDS_MAX
from modelhub.containers.model import Readable
from modelhub.errors import BadInputError

__all__ = ["BYTES", "FIXED32", "FIXED64", "VARINT", "Field", "Wire"]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

# Ten bytes of seven bits.
_VARINT_BITS_MAX = 70
_WINDOW = 1 << 16


class Field(NamedTuple):
    """A field: `value` is the number of a VARINT; else the value lies in [start, stop)."""

    number: int
    wire: int
    value: int
    start: int
    stop: int


class Wire:
    """A file of one message, read through a window; counts fields over all walks of the file."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self.where = str(file.path)
        self._window = b""
        self._window_start = 0
        self._fields = 0

    def bad(self, found: str, expected: str = "", kind: str = "bad_header") -> NoReturn:
        """Raise the error that says what the file holds."""
        raise BadInputError(
            found,
            expected=expected,
            where=self.where,
            hint="to keep the file unread, run `modelhub add --as-file PATH`",
            kind=kind,
        )

    def fields(self, start: int, stop: int) -> Iterator[Field]:
        """Yield the fields of the message in [start, stop), in order.

        Raises:
            BadInputError: kind truncated if a field leaves the message, else bad_header.
        """
        position = start
        while position < stop:
            self._fields += 1
            if self._fields > PROTOBUF_FIELDS_MAX:
                self.bad(f"more than {PROTOBUF_FIELDS_MAX} protobuf fields")
            key, position = self.varint(position, stop)
            number, wire = key >> 3, key & 7
            if not 0 < number < 1 << 29:
                self.bad(f"protobuf field number {number} at byte {position}")
            value, size = 0, 0
            if wire == VARINT:
                value, position = self.varint(position, stop)
            elif wire == BYTES:
                size, position = self.varint(position, stop)
            elif wire in (FIXED64, FIXED32):
                size = 8 if wire == FIXED64 else 4
            else:
                self.bad(f"protobuf wire type {wire} at byte {position}", "0, 1, 2 or 5")
            if size > stop - position:
                self.bad(
                    f"a field of {size} bytes at byte {position}",
                    f"at most the {stop - position} that its message has left",
                    "truncated",
                )
            yield Field(number, wire, value, position, position + size)
            position += size

    def varint(self, position: int, stop: int) -> tuple[int, int]:
        """Return the number of 64 bits at `position`, and where it ends."""
        value, shift, byte = 0, 0, 0x80
        while byte >= 0x80:
            if position >= stop:
                self.bad(f"a number that is cut off at byte {position}", kind="truncated")
            byte = self._byte(position)
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > _VARINT_BITS_MAX or value >= 1 << 64:
                self.bad(f"a number of more than 64 bits before byte {position}")
        return value, position

    def _byte(self, position: int) -> int:
        place = position - self._window_start
        if not 0 <= place < len(self._window):
            self._window = self._file.read(position, min(_WINDOW, self._file.size - position))
            self._window_start, place = position, 0
        return self._window[place]

    def text(self, field: Field, bytes_max: int) -> str:
        """Return the text that a field holds.

        Raises:
            BadInputError: kind bad_name, it is no UTF-8 or longer than `bytes_max`.
        """
        size = field.stop - field.start
        if field.wire != BYTES or size > bytes_max:
            self.bad(f"a text of {size} bytes", f"at most {bytes_max}", "bad_name")
        try:
            return self._file.read(field.start, size).decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadInputError(
                f"a text at byte {field.start} that is no UTF-8", where=self.where, kind="bad_name"
            ) from error

    def numbers(self, field: Field, count_max: int) -> list[int]:
        """Return the numbers of a repeated field: one, or as many as are packed into it.

        Raises:
            BadInputError: kind bad_header, there are more than `count_max`.
        """
        if field.wire == VARINT:
            return [field.value]
        if field.wire != BYTES:
            self.bad(f"numbers of protobuf wire type {field.wire} at byte {field.start}")
        found: list[int] = []
        position = field.start
        while position < field.stop:
            if len(found) == count_max:
                self.bad(f"more than {count_max} numbers at byte {field.start}")
            value, position = self.varint(position, field.stop)
            found.append(value)
        return found
