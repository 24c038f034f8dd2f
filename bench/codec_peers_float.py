"""Adapt coders that know floats: zipnn, openzl, lmzip, z4ai, pcodec."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from bench.codec_coder import ORDERED, Coder, Task, raw, unsigned

__all__ = ["FLOAT", "Lmzip", "Z4ai", "Zipnn"]

# What lmzip cuts files into by default.
_LMZIP_CHUNK_BYTES = 8 << 20
_Z4AI_NAMES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16", "int64": "int64"}
_Z4AI_NAMES |= {"float8_e4m3fn": "fp8_e4m3", "int8": "int8"}


class Zipnn(Coder):
    """zipnn on bytes of a dtype. It has none for integers."""

    name = "zipnn"
    module = "zipnn.zipnn"
    threaded = True
    dtypes = (*ORDERED, "float8_e4m3fn")
    settings: ClassVar[dict[str, str]] = {}

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._zipnn = self.package().ZipNN(
            bytearray_dtype=task.dtype, threads=task.threads, **self.settings
        )

    def fresh(self) -> Any:
        """Give a copy, which compression overwrites."""
        return bytearray(raw(self.task.data).data)

    def encode(self, source: Any) -> Any:
        """Compress the copy."""
        return self._zipnn.compress(source)

    def decode(self, blob: Any) -> Any:
        """Give new bytes."""
        return self._zipnn.decompress(blob)


class _Openzl(Coder):
    """openzl's float graph: exponents apart, the rest in byte planes where that helps."""

    module = "openzl.ext"
    coder: ClassVar[str]

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        openzl = self.package()
        # The library keeps pointers: all that it is given is kept here, and so are its outputs.
        self._openzl = openzl
        self._compressor = openzl.Compressor()
        self._compressor.set_parameter(openzl.CParam.FormatVersion, openzl.MAX_FORMAT_VERSION)
        self._compressor.select_starting_graph(self._graph())
        self._context: Any = None
        self._decoder = openzl.DCtx()
        self._outputs: Any = None

    def _graph(self) -> Any:
        graphs, nodes = self._openzl.graphs, self._openzl.nodes
        exponents = getattr(graphs, self.coder)()
        if self.task.dtype == "bfloat16":
            return nodes.BFloat16Deconstruct()(self._compressor, graphs.Store(), exponents)
        if self.task.dtype == "float16":
            return nodes.Float16Deconstruct()(self._compressor, graphs.Entropy(), exponents)
        if self.task.dtype == "float32":
            planes = nodes.TransposeSplit()(self._compressor, graphs.Entropy())
            return nodes.Float32Deconstruct()(self._compressor, planes, exponents)
        return graphs.Compress()(self._compressor)

    def fresh(self) -> Any:
        """View the values as unsigned integers; a context compresses only once."""
        self._context = self._openzl.CCtx()
        self._context.ref_compressor(self._compressor)
        return unsigned(self.task.data)

    def encode(self, source: Any) -> Any:
        """Compress the values; the input outlives the call."""
        inputs = [self._openzl.Input(self._openzl.Type.Numeric, source)]
        return self._context.compress(inputs)

    def decode(self, blob: Any) -> Any:
        """Give a view of the library's own output."""
        self._outputs = self._decoder.decompress(blob)
        return self._outputs[0].content.as_nparray()


class OpenzlFse(_Openzl):
    """The smaller one; for integers, openzl's own choice."""

    name = "openzl FSE"
    coder = "Fse"


class OpenzlHuffman(_Openzl):
    """The faster one."""

    name = "openzl Huffman"
    coder = "Huffman"
    dtypes = ORDERED


class Lmzip(Coder):
    """lmzip's chunk coder, with a pool of threads over the chunks, as its files are made."""

    name = "lmzip"
    module = "lmz.codec"
    threaded = True

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._lmz = self.package()
        # Its planner gives bfloat16 alone a kind of its own.
        self._kind = 1 if task.dtype == "bfloat16" else 0
        starts = range(0, task.data.nbytes, _LMZIP_CHUNK_BYTES)
        self._pieces = [slice(start, start + _LMZIP_CHUNK_BYTES) for start in starts]
        self._pool = ThreadPoolExecutor(task.threads) if task.threads > 1 else None

    def each(self, work: Callable[[int], Any]) -> list[Any]:
        """Do something with each chunk's number."""
        numbers = range(len(self._pieces))
        return list(self._pool.map(work, numbers) if self._pool else map(work, numbers))

    def piece(self, array: Any, number: int) -> memoryview:
        """Return the bytes of a chunk."""
        return raw(array).data[self._pieces[number]]

    def encode(self, source: Any) -> Any:
        """Code each chunk and join its parts, as its archive does."""

        def work(number: int) -> Any:
            parts, codec, flags, check = self._lmz.encode_chunk(
                self.piece(source, number), self.task.width, kind=self._kind
            )
            return b"".join(parts), codec, flags, check

        return self.each(work)

    def decode(self, blob: Any) -> Any:
        """Decode each chunk and put it where it belongs."""

        def work(number: int) -> None:
            payload, codec, flags, check = blob[number]
            target = self.piece(self.out, number)
            target[:] = self._lmz.decode_chunk(
                payload, codec, self.task.width, flags, len(target), check, out=target
            )

        self.each(work)
        return self.out

    def size(self, blob: Any) -> int:
        """Return the bytes of all chunks, without the archive's table."""
        return sum(len(chunk[0]) for chunk in blob)

    def close(self) -> None:
        """End the threads."""
        if self._pool:
            self._pool.shutdown()


class Z4ai(Coder):
    """z4ai at its default effort."""

    name = "z4ai"
    module = "z4ai"
    threaded = True
    dtypes = tuple(_Z4AI_NAMES)

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._z4ai = self.package()

    def settings(self) -> dict[str, Any]:
        """Return what both directions of it are called with."""
        return {"dtype": _Z4AI_NAMES[self.task.dtype], "threads": self.task.threads}

    def fresh(self) -> Any:
        """Give bytes, which it would copy everything else into."""
        return raw(self.task.data).tobytes()

    def encode(self, source: Any) -> Any:
        """Compress the bytes."""
        return self._z4ai.compress(source, **self.settings())

    def decode(self, blob: Any) -> Any:
        """Give new bytes; it has no way to say how many threads."""
        return self._z4ai.decompress(blob)


class Pcodec(Coder):
    """pcodec at level 8, its default; bfloat16 and fp8 as unsigned integers of their width."""

    name = "pcodec"
    module = "pcodec"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._pcodec = self.package()
        self._config = self._pcodec.ChunkConfig(compression_level=8, enable_8_bit=task.width == 1)

    def _known(self, array: Any) -> Any:
        return array if array.dtype.kind in "fi" and array.dtype.isnative else unsigned(array)

    def encode(self, source: Any) -> Any:
        """Compress the values."""
        return self._pcodec.standalone.simple_compress(self._known(source), self._config)

    def decode(self, blob: Any) -> Any:
        """Fill the warm buffer."""
        self._pcodec.standalone.simple_decompress_into(blob, self._known(self.out))
        return self.out


FLOAT: tuple[type[Coder], ...] = (Zipnn, OpenzlFse, OpenzlHuffman, Lmzip, Z4ai, Pcodec)
