"""Opening a trace: plain, .gz, .xz or .zst by its first bytes, and lines in bounded memory."""

import io
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ..errors import InputError

__all__ = ["MAX_LINE", "line_blocks"]

BLOCK = 1 << 18
"""Bytes of text that are held at a time."""

MAX_LINE = 1 << 14
"""Bytes of the longest line; the longest that a kernel prints is a page."""

_BINARY = {
    b"\x17\x08\x44tracing": ("a trace.dat file", "its text: trace-cmd report"),
    b"PERFILE2": ("a perf.data file", "its text: perf script"),
}
_ZSTD_INPUT = 1 << 10


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def line_blocks(path: str) -> Generator[list[bytes], None, None]:
    """Yield the lines of `path`, without their ends, some thousand at a time.

    Of a line that is far over `MAX_LINE` bytes the middle may be missing; it is still over
    `MAX_LINE`. A last line without an end is a line.

    Parameters
    ----------
    path : str
        A file, or ``"-"`` for standard input.

    Raises
    ------
    OSError
        If the file cannot be opened or read.
    InputError
        If it is compressed and corrupt or cut short, or a binary trace.
    """
    if path == "-":
        yield from _lines(_blocks(_buffered(sys.stdin.buffer), path))
        return
    with Path(path).open("rb") as file:
        yield from _lines(_blocks(file, path))


def _buffered(stream: Any) -> BinaryIO:
    return stream if hasattr(stream, "peek") else io.BufferedReader(stream)


def _blocks(raw: Any, path: str) -> Iterator[bytes]:
    magic = raw.peek(16)[:16]
    for start, (found, expected) in _BINARY.items():
        if magic.startswith(start):
            raise InputError(path, 0, found, expected)
    if magic.startswith(b"\x1f\x8b"):
        return _gzip(raw, path)
    if magic.startswith(b"\xfd7zXZ\0"):
        return _xz(raw, path)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(raw, path)
    return iter(lambda: raw.read1(BLOCK), b"")  # a pipe gives what there is, and lets Ctrl-C in


def _gzip(raw: Any, path: str) -> Iterator[bytes]:
    import gzip
    import zlib

    errors = (zlib.error, gzip.BadGzipFile)
    return _decompressed(gzip.GzipFile(fileobj=raw), path, "gzip", errors)


def _xz(raw: Any, path: str) -> Iterator[bytes]:
    import lzma

    return _decompressed(lzma.LZMAFile(raw), path, "xz", (lzma.LZMAError,))


def _decompressed(
    stream: _Readable, path: str, name: str, errors: tuple[type[Exception], ...]
) -> Iterator[bytes]:
    try:
        while block := stream.read(BLOCK):
            yield block
    except EOFError:
        raise _cut(path, name) from None
    except errors as error:
        raise InputError(path, 0, f"corrupt {name} data ({error})", f"a {name} file") from None


def _cut(path: str, name: str) -> InputError:
    return InputError(path, 0, f"{name} data that is cut short", f"a whole {name} file")


def _zstd(raw: _Readable, path: str) -> Iterator[bytes]:
    if sys.version_info >= (3, 14):
        from compression import zstd

        yield from _decompressed(zstd.ZstdFile(raw), path, "zstd", (zstd.ZstdError,))
        return
    try:
        import zstandard
    except ModuleNotFoundError:
        expected = "the package zstandard, or a file that is decompressed"
        raise InputError(path, 0, "zstd data", expected) from None
    try:
        yield from _zstd_frames(zstandard, raw, path)
    except zstandard.ZstdError as error:
        raise InputError(path, 0, f"corrupt zstd data ({error})", "a zstd file") from None


def _zstd_frames(zstandard: Any, raw: _Readable, path: str) -> Iterator[bytes]:
    # The stream reader of this package takes the end of the file for the end of a frame, so that a
    # file that is cut would pass; its plain object tells. Small bites keep one answer small: a
    # block of 128 KiB may come from 4 bytes.
    frame = None
    while data := raw.read(_ZSTD_INPUT):
        while data:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            block = frame.decompress(data)
            if block:
                yield block
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise _cut(path, "zstd")


def _lines(blocks: Iterator[bytes]) -> Iterator[list[bytes]]:
    tail = b""
    for block in blocks:
        lines = (tail + block).split(b"\n")
        # Of a line that has no end yet only what shows that it is too long is kept.
        tail = lines.pop()[: MAX_LINE + 1]
        if lines:
            yield lines
    if tail:
        yield [tail]
