"""Zstandard as a stream that notices when it was cut off; the library's own reader ends there in silence."""

import io
from typing import IO, TYPE_CHECKING

import zstandard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 16


class ZstdReader(io.RawIOBase):
    """Decompressed bytes of a file of one or more frames.

    Raises:
        EOFError: the last frame has no end.
        ZstdError: it is not Zstandard.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._is_open = False
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        while not self._ready:
            if not self._decompress():
                return 0
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._ready))
        target[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _decompress(self) -> bool:
        """Make more bytes ready; False at the end of the file."""
        packed = self._packed or self._raw.read(CHUNK_BYTES)
        if not packed:
            if self._is_open:
                raise EOFError("compressed file ended before the end of its stream")
            return False
        self._ready = memoryview(self._frame.decompress(packed))
        self._packed, self._is_open = self._frame.unused_data, not self._frame.eof
        if self._frame.eof:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        return True
