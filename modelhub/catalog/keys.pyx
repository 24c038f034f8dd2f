# cython: language_level=3, boundscheck=False, wraparound=False
"""Code the catalog's keys and records: many tiny calls, which is why this is Cython.

A *key* is a tuple coded so that the order of the bytes is the order of the tuples; a *prefix* is
the coding of a key's first items, shared by just the keys that begin with them. A *record* is any
value of plain Python types, coded compactly and without order. docs/formats/catalog.md is the
format.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcpy

from blake3 import blake3

__all__ = [
    "DEPTH_MAX",
    "KEPT_BYTES",
    "KEY_BYTES_MAX",
    "is_hashed",
    "pack_key",
    "pack_prefix",
    "pack_record",
    "shorten",
    "unpack_key",
    "unpack_record",
]

# LMDB is built with keys of up to 511 bytes.
KEY_BYTES_MAX = 511
# A longer key keeps so many bytes, followed by the 32-byte digest of all of it.
KEPT_BYTES = 479
# Records nest this deep at most, far from the end of the C stack.
DEPTH_MAX = 64

# Tags of a key's items, in the order of the types. On disk: never renumber.
cdef enum:
    K_NONE = 2
    K_FALSE = 3
    K_TRUE = 4
    K_INT = 5
    K_FLOAT = 6
    K_BYTES = 7
    K_STR = 8

# Bytes and texts end with 00 01; a zero byte inside is 00 ff. So none is a prefix of another.
cdef enum:
    END_SECOND = 1
    ZERO_SECOND = 255

# Tags of a record's values. On disk: never renumber.
cdef enum:
    R_NONE = 0
    R_FALSE = 1
    R_TRUE = 2
    R_UINT = 3
    R_NEGATIVE = 4
    R_BIG = 5
    R_FLOAT = 6
    R_BYTES = 7
    R_STR = 8
    R_TUPLE = 9
    R_LIST = 10
    R_DICT = 11

cdef uint64_t SIGN = <uint64_t>1 << 63
cdef uint64_t NAN_BITS = <uint64_t>0x7FF8 << 48
cdef int DEPTH = 64
cdef Py_ssize_t KEY_MAX = 511
cdef Py_ssize_t KEPT = 479


cdef class Buffer:
    """Bytes that grow; owned by the one call that fills them."""

    cdef uint8_t* data
    cdef Py_ssize_t size
    cdef Py_ssize_t room

    def __cinit__(self):
        self.room = 128
        self.size = 0
        self.data = <uint8_t*>malloc(self.room)
        if self.data == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.data)

    cdef int reserve(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t room = self.room
        cdef uint8_t* data
        if self.size + more <= room:
            return 0
        while room < self.size + more:
            room *= 2
        data = <uint8_t*>realloc(self.data, room)
        if data == NULL:
            raise MemoryError
        self.data = data
        self.room = room
        return 0

    cdef int byte(self, uint8_t value) except -1:
        self.reserve(1)
        self.data[self.size] = value
        self.size += 1
        return 0

    cdef int run(self, const uint8_t* source, Py_ssize_t size) except -1:
        self.reserve(size)
        memcpy(self.data + self.size, source, size)
        self.size += size
        return 0

    cdef int big_endian(self, uint64_t value) except -1:
        cdef int i
        self.reserve(8)
        for i in range(8):
            self.data[self.size + i] = <uint8_t>(value >> (56 - 8 * i))
        self.size += 8
        return 0

    cdef int varint(self, uint64_t value) except -1:
        while value >= 128:
            self.byte(<uint8_t>(value & 127) | 128)
            value >>= 7
        return self.byte(<uint8_t>value)

    cdef int escaped(self, bytes value) except -1:
        cdef const uint8_t* source = <const uint8_t*>PyBytes_AS_STRING(value)
        cdef Py_ssize_t left = PyBytes_GET_SIZE(value)
        cdef const uint8_t* zero
        cdef Py_ssize_t count
        while left > 0:
            zero = <const uint8_t*>memchr(source, 0, left)
            if zero == NULL:
                self.run(source, left)
                break
            count = zero - source + 1
            self.run(source, count)
            self.byte(ZERO_SECOND)
            source += count
            left -= count
        self.byte(0)
        return self.byte(END_SECOND)

    cdef bytes take(self):
        return PyBytes_FromStringAndSize(<char*>self.data, self.size)


cdef uint64_t float_bits(double value):
    cdef uint64_t bits
    memcpy(&bits, &value, 8)
    return bits


cdef double bits_float(uint64_t bits):
    cdef double value
    memcpy(&value, &bits, 8)
    return value


cdef uint64_t ordered_float(double value):
    """Map doubles to integers of the same order; both zeros are one, NaN comes last."""
    cdef uint64_t bits
    if value != value:
        return NAN_BITS | SIGN
    if value == 0.0:
        value = 0.0
        return SIGN
    bits = float_bits(value)
    return ~bits if bits & SIGN else bits | SIGN


cdef double unordered_float(uint64_t bits):
    return bits_float(bits ^ SIGN if bits & SIGN else ~bits)


cdef int put_key_item(Buffer out, object item) except -1:
    cdef int64_t number
    if item is None:
        return out.byte(K_NONE)
    if item is False:
        return out.byte(K_FALSE)
    if item is True:
        return out.byte(K_TRUE)
    if isinstance(item, str):
        out.byte(K_STR)
        return out.escaped((<str>item).encode("utf-8", "surrogatepass"))
    if isinstance(item, bytes):
        out.byte(K_BYTES)
        return out.escaped(<bytes>item)
    if isinstance(item, float):
        out.byte(K_FLOAT)
        return out.big_endian(ordered_float(<double>item))
    if isinstance(item, int):
        number = item
        out.byte(K_INT)
        return out.big_endian(<uint64_t>number ^ SIGN)
    raise TypeError(f"a key cannot hold {type(item).__name__}")


def pack_prefix(tuple items not None):
    """Return the bytes with which every full key that begins with these items begins."""
    cdef Buffer out = Buffer()
    for item in items:
        put_key_item(out, item)
    return out.take()


def shorten(bytes full not None):
    """Return the key of a full coding: itself if it fits LMDB, else its start and its digest."""
    if PyBytes_GET_SIZE(full) < KEY_MAX:
        return full
    return full[:KEPT] + blake3(full).digest()


def pack_key(tuple items not None):
    """Return a key of at most 511 bytes that sorts as the tuple does.

    Keys that are equal in their first 479 coded bytes and longer than 510 sort by a digest.

    Raises:
        TypeError: an item is none of None, bool, int, float, str, bytes.
        OverflowError: an integer does not fit 64 bits with sign.
    """
    return shorten(pack_prefix(items))


def is_hashed(bytes key not None):
    """Say whether a key holds a digest in place of its tail."""
    return PyBytes_GET_SIZE(key) == KEY_MAX


cdef bytes take_escaped(const uint8_t* data, Py_ssize_t size, Py_ssize_t* position):
    cdef Buffer out = Buffer()
    cdef Py_ssize_t at = position[0]
    cdef const uint8_t* zero
    while True:
        zero = <const uint8_t*>memchr(data + at, 0, size - at) if at < size else NULL
        if zero == NULL or zero - data + 1 >= size:
            raise ValueError("a text in the key does not end")
        out.run(data + at, zero - data - at)
        at = zero - data + 2
        if zero[1] == END_SECOND:
            position[0] = at
            return out.take()
        if zero[1] != ZERO_SECOND:
            raise ValueError("a zero byte in the key is not escaped")
        out.byte(0)


cdef uint64_t take_big_endian(const uint8_t* data, Py_ssize_t size, Py_ssize_t* position) except? 1:
    cdef uint64_t value = 0
    cdef int i
    if size - position[0] < 8:
        raise ValueError("a number in the key is cut off")
    for i in range(8):
        value = value << 8 | data[position[0] + i]
    position[0] += 8
    return value


def unpack_key(bytes key not None):
    """Return the tuple of a key that is not hashed, or of a full coding.

    Raises:
        ValueError: these bytes are no key.
    """
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(key)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(key)
    cdef Py_ssize_t at = 0
    cdef uint8_t tag
    cdef list items = []
    while at < size:
        tag = data[at]
        at += 1
        if tag == K_NONE:
            items.append(None)
        elif tag == K_FALSE:
            items.append(False)
        elif tag == K_TRUE:
            items.append(True)
        elif tag == K_INT:
            items.append(<int64_t>(take_big_endian(data, size, &at) ^ SIGN))
        elif tag == K_FLOAT:
            items.append(unordered_float(take_big_endian(data, size, &at)))
        elif tag == K_BYTES:
            items.append(take_escaped(data, size, &at))
        elif tag == K_STR:
            items.append(take_escaped(data, size, &at).decode("utf-8", "surrogatepass"))
        else:
            raise ValueError(f"tag {tag} in the key")
    return tuple(items)


cdef int put_value(Buffer out, object value, int depth) except -1:
    cdef bytes raw
    if depth > DEPTH:
        raise ValueError(f"a record nests deeper than {DEPTH}")
    if value is None:
        return out.byte(R_NONE)
    if value is False:
        return out.byte(R_FALSE)
    if value is True:
        return out.byte(R_TRUE)
    if isinstance(value, str):
        raw = (<str>value).encode("utf-8", "surrogatepass")
        out.byte(R_STR)
        out.varint(PyBytes_GET_SIZE(raw))
        return out.run(<const uint8_t*>PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw))
    if isinstance(value, bytes):
        raw = <bytes>value
        out.byte(R_BYTES)
        out.varint(PyBytes_GET_SIZE(raw))
        return out.run(<const uint8_t*>PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw))
    if isinstance(value, float):
        out.byte(R_FLOAT)
        return out.big_endian(float_bits(<double>value))
    if isinstance(value, int):
        return put_int(out, value)
    if isinstance(value, (tuple, list)):
        out.byte(R_TUPLE if isinstance(value, tuple) else R_LIST)
        out.varint(len(value))
        for item in value:
            put_value(out, item, depth + 1)
        return 0
    if isinstance(value, dict):
        out.byte(R_DICT)
        out.varint(len(value))
        for name, item in value.items():
            if isinstance(name, tuple):
                raise TypeError("a record cannot hold a tuple as a name")
            put_value(out, name, depth + 1)
            put_value(out, item, depth + 1)
        return 0
    raise TypeError(f"a record cannot hold {type(value).__name__}")


cdef int put_int(Buffer out, object value) except -1:
    cdef bytes raw
    if 0 <= value < 1 << 64:
        out.byte(R_UINT)
        return out.varint(value)
    if -(1 << 64) <= value < 0:
        out.byte(R_NEGATIVE)
        return out.varint(-1 - value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    out.byte(R_BIG)
    out.varint(PyBytes_GET_SIZE(raw))
    return out.run(<const uint8_t*>PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw))


def pack_record(object value):
    """Return a value of None, bool, int, float, str, bytes, tuple, list and dict as bytes.

    Raises:
        TypeError: another type is inside.
        ValueError: it nests too deep.
    """
    cdef Buffer out = Buffer()
    put_value(out, value, 0)
    return out.take()


cdef uint64_t take_varint(const uint8_t* data, Py_ssize_t size, Py_ssize_t* position) except? 1:
    cdef uint64_t value = 0
    cdef uint8_t byte
    cdef int shift = 0
    while True:
        if position[0] >= size:
            raise ValueError("the record is cut off")
        byte = data[position[0]]
        position[0] += 1
        if shift == 63 and byte > 1:
            raise ValueError("a number in the record is too long")
        value |= <uint64_t>(byte & 127) << shift
        if byte < 128:
            return value
        shift += 7
        if shift > 63:
            raise ValueError("a number in the record is too long")


cdef bytes take_run(const uint8_t* data, Py_ssize_t size, Py_ssize_t* position):
    cdef uint64_t count = take_varint(data, size, position)
    cdef bytes result
    if count > <uint64_t>(size - position[0]):
        raise ValueError("the record is cut off")
    result = PyBytes_FromStringAndSize(<const char*>data + position[0], <Py_ssize_t>count)
    position[0] += <Py_ssize_t>count
    return result


cdef object take_value(const uint8_t* data, Py_ssize_t size, Py_ssize_t* position, int depth):
    cdef uint8_t tag
    cdef uint64_t bits
    cdef int i
    if depth > DEPTH:
        raise ValueError(f"the record nests deeper than {DEPTH}")
    if position[0] >= size:
        raise ValueError("the record is cut off")
    tag = data[position[0]]
    position[0] += 1
    if tag == R_NONE:
        return None
    if tag == R_FALSE:
        return False
    if tag == R_TRUE:
        return True
    if tag == R_UINT:
        return take_varint(data, size, position)
    if tag == R_NEGATIVE:
        return -1 - <object>take_varint(data, size, position)
    if tag == R_BIG:
        return int.from_bytes(take_run(data, size, position), "little", signed=True)
    if tag == R_FLOAT:
        return bits_float(take_big_endian(data, size, position))
    if tag == R_BYTES:
        return take_run(data, size, position)
    if tag == R_STR:
        return take_run(data, size, position).decode("utf-8", "surrogatepass")
    return take_collection(data, size, position, depth, tag)


cdef object take_collection(
    const uint8_t* data, Py_ssize_t size, Py_ssize_t* position, int depth, uint8_t tag
):
    cdef uint64_t count
    cdef list items = []
    cdef dict names = {}
    if tag != R_TUPLE and tag != R_LIST and tag != R_DICT:
        raise ValueError(f"tag {tag} in the record")
    count = take_varint(data, size, position)
    if tag == R_DICT:
        while count > 0:
            name = take_value(data, size, position, depth + 1)
            if isinstance(name, (tuple, list, dict)):
                raise ValueError("a name in the record is a collection")
            names[name] = take_value(data, size, position, depth + 1)
            count -= 1
        return names
    while count > 0:
        items.append(take_value(data, size, position, depth + 1))
        count -= 1
    return tuple(items) if tag == R_TUPLE else items


def unpack_record(bytes data not None):
    """Return the value that these bytes code, all of them.

    Raises:
        ValueError: these bytes are no record.
    """
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t position = 0
    value = take_value(<const uint8_t*>PyBytes_AS_STRING(data), size, &position, 0)
    if position != size:
        raise ValueError(f"{size - position} bytes after the record")
    return value
