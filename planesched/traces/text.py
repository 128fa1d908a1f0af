"""Opening a trace: plain or compressed, text or a tool's binary, by its first bytes; its lines."""

import io
import os
import re
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ..errors import InputError
from .tools import TOOLS, tool_blocks

__all__ = ["MAX_LINE", "Unended", "line_blocks"]

BLOCK = 1 << 18
"""Bytes of text that are held at a time."""

MAX_LINE = 1 << 14
"""Bytes of the longest line; the longest that a kernel prints is a page."""

_BINARY = {
    b"PK\x03\x04": ("a zip archive", "the text in it (unzip -p)"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "the text in it (7z x -so)"),
    b"\x04\x22\x4d\x18": ("lz4 data", "a file that is decompressed (lz4 -dc)"),
    b"\x89LZO": ("lzop data", "a file that is decompressed (lzop -dc)"),
    b"LZIP": ("lzip data", "a file that is decompressed (lzip -dc)"),
    b"\x1f\x9d": ("compress data", "a file that is decompressed (zcat)"),
    b"\x7fELF": ("an ELF file", "the text of a trace"),
    b"\xc1\x1f\xfc\xc1": ("a CTF trace", "the text of perf script (see docs/how-to/capture.md)"),
    b"\x75\xd1\x1d\x57": ("CTF metadata", "the text of perf script (see docs/how-to/capture.md)"),
}
_TAR = slice(257, 262), b"ustar"
_UTF16 = (
    "UTF-16 text (PowerShell's > writes it)",
    "UTF-8: Out-File -Encoding utf8, or iconv -f UTF-16",
)
_HEAD = 512
_BOM = b"\xef\xbb\xbf"
# CSI sequences (colours, and the erasing that grep adds) and the title of a terminal.
_COLOUR = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\a\x1b]*(?:\a|\x1b\\))").sub
_ZSTD_INPUT = 1 << 10


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Unended(bytes):
    """The last line of a file, which has no end: it may have been cut."""


def line_blocks(path: str, note: Callable[[float], object] = bool) -> Generator[bytes, None, None]:
    """Yield the text of `path` in blocks of whole lines, some thousand at a time.

    Of a line that is far over `MAX_LINE` bytes the middle may be missing; it is still over
    `MAX_LINE`. A last line without an end is a line, and comes as `Unended`. A byte order mark and
    the colours of a terminal are left out. A trace.dat or perf.data file is read through its tool.

    Parameters
    ----------
    path : str
        A file, or ``"-"`` for standard input.
    note : callable
        Told which part of the file was read, 0..1, before each block of it comes; not told of
        standard input, nor of what a tool reads.

    Raises
    ------
    OSError
        If the file cannot be opened or read.
    InputError
        If it is compressed and corrupt or cut short, a binary file, or UTF-16.
    """
    if path == "-":
        yield from _lines(_text(_blocks(_buffered(sys.stdin.buffer), path), path))
        return
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for block in _lines(_text(_blocks(file, path), path)):
            note(min(file.tell() / size, 1.0) if size else 0.0)
            yield block


def _buffered(stream: Any) -> BinaryIO:
    return stream if hasattr(stream, "peek") else io.BufferedReader(stream)


def _blocks(raw: Any, path: str) -> Iterator[bytes]:
    magic = raw.peek(16)[:16]
    for start, tool in TOOLS.items():
        if magic.startswith(start):
            return tool_blocks(tool, path)
    for start, (_, opener) in _COMPRESSED.items():
        if magic.startswith(start):
            return opener(raw, path)
    return iter(lambda: raw.read1(BLOCK), b"")  # a pipe gives what there is, and lets Ctrl-C in


def _text(blocks: Iterator[bytes], path: str) -> Iterator[bytes]:
    """Look at what the text begins with, once it is decompressed; leave out a byte order mark."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= _HEAD or b"\n" in head[:-1]:
            break
    if refused := _no_text(head):
        raise InputError(path, 0, *refused)
    if head := head.removeprefix(_BOM):
        yield head
    yield from blocks


def _no_text(head: bytes) -> tuple[str, str] | None:
    """Say what `head` is and what to do instead, or None if it may be the text of a trace."""
    for start, (name, _) in _COMPRESSED.items():
        if head.startswith(start):
            return f"{name} data in compressed data", "a file that is compressed once"
    for start, tool in TOOLS.items():
        if head.startswith(start):
            return f"{tool.found}, compressed", f"the file itself, or its text: {tool.typed}"
    for start, refused in _BINARY.items():
        if head.startswith(start):
            return refused
    where, word = _TAR
    if head[where] == word:
        return "a tar archive", "the text in it (tar -xO)"
    # Without a byte order mark every other byte of it is 0.
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _zeros(head[:64:2]) != _zeros(head[1:64:2]):
        return _UTF16
    return None


def _zeros(data: bytes) -> bool:
    return len(data) > 8 and data.count(0) > 0.9 * len(data)


def _bzip2(raw: Any, path: str) -> Iterator[bytes]:
    import bz2

    return _decompressed(bz2.BZ2File(raw), path, "bzip2", (OSError,))


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


_COMPRESSED = {
    b"\x1f\x8b": ("gzip", _gzip),
    b"\xfd7zXZ\0": ("xz", _xz),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
    b"BZh": ("bzip2", _bzip2),
}


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    tail = b""
    for block in blocks:
        text = tail + block
        end = text.rfind(b"\n") + 1
        # Of a line that has no end yet only what shows that it is too long is kept.
        tail = text[end : end + MAX_LINE + 1]
        if end:
            yield _plain(text[:end])
    if tail := _plain(tail):
        yield Unended(tail)


def _plain(text: bytes) -> bytes:
    """Take the colours out of lines."""
    if b"\x1b" not in text:
        return text
    return b"\n".join([_COLOUR(b"", line) for line in text.split(b"\n")])
