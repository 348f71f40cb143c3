"""The body of an answer, read under limits and inflated by pieces, so that a small answer cannot become a large one."""

import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO

import httpx
import trio
from attrs import define, field

WIRE_LIMIT = 64 * 1024 * 1024
INFLATED_LIMIT = 64 * 1024 * 1024
_PIECE = 1024 * 1024
_JOINED = 4 * _PIECE
_JOINED_PIECES = 1024
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class BrokenBodyError(Exception):
    """The body cannot be read; the text says why."""


class TooLargeBodyError(Exception):
    """The body is larger than allowed; the text says by which limit."""


@define(eq=False)
class Body:
    """One body. `received` counts bytes on the wire, `size` what they became; sizes in bytes."""

    wire_limit: int = WIRE_LIMIT
    inflated_limit: int = INFLATED_LIMIT
    received: int = 0
    size: int = 0
    # An ordinary answer is joined once. What is larger goes on in a buffer that gives out its content without a copy:
    # a list of all pieces would be there twice for a moment, and then as holes.
    _newest: list[bytes] = field(factory=list, repr=False)
    _content: BytesIO = field(factory=BytesIO, repr=False)

    async def read(self, response: httpx.Response, enough: int | None = None) -> bytes:
        """All of it, or the beginning once `enough` bytes are there. Raises BrokenBodyError, TooLargeBodyError."""
        # Emptied in any case: an error that carries this frame about must not carry all the bytes with it.
        with self._content, ExitStack() as emptying:
            emptying.callback(self._newest.clear)
            await self._read(response, enough)
            if not self._content.tell():
                return b"".join(self._newest)
            self._move_on()
            return self._content.getvalue()

    async def _read(self, response: httpx.Response, enough: int | None) -> None:
        inflate = _inflater(response.headers.get("content-encoding", ""))
        refusal: BrokenBodyError | TooLargeBodyError | None = None
        # Leaving the loop early would leave a chain of generators to the garbage collector; cancelling unwinds them.
        with trio.CancelScope() as rest:
            async for chunk in response.aiter_raw():
                if rest.cancel_called:
                    continue
                try:
                    await self._take(chunk, inflate)
                except (BrokenBodyError, TooLargeBodyError) as error:
                    refusal = error
                if refusal is not None or (enough is not None and self.size >= enough):
                    rest.cancel()
        if refusal is None and inflate is not None and not inflate.eof and enough is None:
            refusal = BrokenBodyError("the compressed answer breaks off")
        if refusal is not None:
            raise refusal

    async def _take(self, chunk: bytes, inflate: "zlib._Decompress | None") -> None:
        self.received += len(chunk)
        if self.received > self.wire_limit:
            raise TooLargeBodyError(f"the answer is larger than {self.wire_limit} bytes")
        for piece in (chunk,) if inflate is None else _pieces(inflate, chunk):
            self._keep(piece)
            await trio.lowlevel.checkpoint_if_cancelled()

    def _keep(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self.inflated_limit:
            raise TooLargeBodyError(f"the answer is larger than {self.inflated_limit} bytes")
        self._newest.append(piece)
        if self.size - self._content.tell() >= _JOINED or len(self._newest) >= _JOINED_PIECES:
            self._move_on()

    def _move_on(self) -> None:
        for piece in self._newest:
            self._content.write(piece)
        self._newest.clear()


def _inflater(encoding: str) -> "zlib._Decompress | None":
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return None
    if name not in _WINDOW_BITS:
        raise BrokenBodyError(f"the answer is in an encoding nobody asked for ({name[:40]!a})")
    return zlib.decompressobj(_WINDOW_BITS[name])


def _pieces(inflate: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    """What a chunk becomes, never more than _PIECE at a time."""
    waiting = chunk
    while waiting and not inflate.eof:
        try:
            piece = inflate.decompress(waiting, _PIECE)
        except zlib.error as error:
            raise BrokenBodyError(f"the compressed answer is damaged ({error})") from None
        waiting = inflate.unconsumed_tail
        if piece:
            yield piece
