"""A body is read up to its limits, and not one piece further."""

from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from adapters.sources.collector_body import Body, TooLargeBodyError


class Chunks(httpx.AsyncByteStream):
    """Chunks that are all there at once."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give them without ever waiting."""
        for chunk in self.chunks:
            yield chunk


async def test_nothing_is_kept_beyond_the_limit() -> None:
    """What arrived together with the byte too many is passed over."""
    body = Body(wire_limit=10)
    with pytest.raises(TooLargeBodyError, match="larger than 10 bytes"):
        await body.read(httpx.Response(200, stream=Chunks([b"x" * 8, b"y" * 8, b"z" * 8])))
    assert (body.received, body.size) == (16, 8)


async def test_enough_is_enough() -> None:
    """Of a body that is wanted only in part, no more is kept than the piece that made it enough."""
    body = Body()
    assert await body.read(httpx.Response(200, stream=Chunks([b"ab", b"cd", b"ef"])), enough=3) == b"abcd"


@pytest.mark.parametrize(("size", "count"), [(1, 5000), (70_000, 200), (6_000_000, 2), (0, 3)])
async def test_every_piece_is_there_in_its_place(size: int, count: int) -> None:
    """Few or many, small or large."""
    chunks = [bytes([number % 256]) * size for number in range(count)]
    assert await Body().read(httpx.Response(200, stream=Chunks(chunks))) == b"".join(chunks)
