"""The index of a source's records that a queue keeps: packed page by page, counted when a confirm is due. Pure."""

import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from engine.delivery import Debt, Mark

MARK_SIZE = 12
"""Bytes of one packed mark: eight of its number, four of its fingerprint (a CRC-32)."""

Chunk = tuple["array[int]", "array[int]"]


def pack(marks: Sequence[Mark]) -> bytes:
    """Pack the marks of one page, ascending: all numbers, then all fingerprints."""
    count = len(marks)
    numbers, fingerprints = zip(*marks, strict=True) if marks else ((), ())
    return struct.pack(f"<{count}Q{count}I", *numbers, *fingerprints)


def unpack(chunk: bytes) -> Chunk:
    """Numbers and fingerprints of one packed page. Raises ValueError where it is none."""
    if len(chunk) % MARK_SIZE:
        raise ValueError(f"{len(chunk)} bytes are no page of marks")
    border = len(chunk) // MARK_SIZE * 8
    found = array("Q", chunk[:border]), array("I", chunk[border:])
    if sys.byteorder == "big":
        for values in found:
            values.byteswap()
    return found


def count_debt(
    chunks: Iterable[bytes], front: Mark, since: Mark | None, watermark: int | None, limit: int
) -> Debt | None:
    """`Queue.debt` of the packed pages from `since` (or `front`) on, ascending.

    `watermark` is the last number before the first record that is not settled; None when all are.
    """
    numbers, fingerprints = unpack(b"")
    for chunk in chunks:
        more_numbers, more_fingerprints = unpack(chunk)
        numbers += more_numbers
        fingerprints += more_fingerprints
    at = bisect_left(numbers, front.sequence)
    if at == len(numbers) or (numbers[at], fingerprints[at]) != front:
        return None
    end = len(numbers) if watermark is None else bisect_right(numbers, watermark)
    begin = at if since is None else bisect_left(numbers, since.sequence)
    return Debt(owed=max(0, min(end - at, limit)), moved=max(0, at - begin))


def base_of(front: Mark, since: Mark | None) -> int:
    """The oldest number a count needs."""
    return front.sequence if since is None else min(front.sequence, since.sequence)


def forgettable_before(front: Mark, since: Mark | None) -> int:
    """The number before which marks may go: what lies before a front that an earlier count has recognised, `since`."""
    return 0 if since is None else base_of(front, since)
