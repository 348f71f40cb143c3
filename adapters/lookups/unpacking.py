"""A look-up file out of its packing: gzip, tar in gzip, or none; never more of it than a limit, a piece at a time."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from adapters.lookups.reloading import ENDINGS
from engine.errors import RejectedError

_GZIP: Final = b"\x1f\x8b"
_PIECE: Final = 1024 * 1024


class Stream(Protocol):
    """Something to read from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...


@contextmanager
def opened(path: Path) -> Iterator[tuple[str | None, Stream]]:
    """The content of a packed file as a stream, and its name where the packing knows it.

    Raises RejectedError, also from within, where it is damaged or breaks off.
    """
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            if not is_packed:
                yield None, raw
                return
            with gzip.GzipFile(fileobj=raw) as stream:
                head = stream.read(tarfile.BLOCKSIZE)
                stream.seek(0)
                yield _member(stream) if b"ustar" in head[257:265] else (None, stream)
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.HeaderError) as error:
        raise RejectedError(f"damaged, or broken off: {error}") from None


def copy(stream: Stream, target: Path, size_limit: int) -> None:
    """Write the stream to a file. Raises RejectedError once it is larger than the limit."""
    size = 0
    with target.open("wb") as file:
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > size_limit:
                raise RejectedError(f"larger than {size_limit} bytes when unpacked (geo.size_limit)")
            file.write(piece)


def _member(stream: Stream) -> tuple[str, Stream]:
    """The name of the first look-up file of a tar stream, and the stream of its content; nothing else is looked at."""
    while any(head := stream.read(tarfile.BLOCKSIZE)):  # zeros stand at the end
        info = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        if info.isreg() and info.name.endswith(ENDINGS):
            return Path(info.name).name, _Part(stream, info.size)
        skipped = _Part(stream, -(-info.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        while skipped.read(_PIECE):
            pass
    raise RejectedError(f"holds no file that ends in {' or '.join(ENDINGS)}")


class _Part:
    """The next `size` bytes of a stream. Raises EOFError where there are fewer."""

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(min(size, self._left))
        if not piece and self._left:
            raise EOFError("the archive ends too early")
        self._left -= len(piece)
        return piece
