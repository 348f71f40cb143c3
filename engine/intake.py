"""A page becomes batches: records are split by botnet type and by address, and cut to size. Pure."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TypeVar

from engine.acceptance import Rules
from engine.delivery import Batch, Intake, Page
from engine.sighting import Rejected, Sighting
from engine.slots import spread
from engine.sorting import Placed, sort

T = TypeVar("T")

DIGEST_SIZE = 6

REFUSED_ONLY = ""
"""The botnet type of a batch that holds refused records and no sighting."""

ORIGINALS_LIMIT = 1024 * 1024
"""Bytes of refused records at which a batch is full: each may bring 64 KiB."""


def prepare(page: Page, rules: Rules, batch_size: int) -> Intake:
    """Make the queue's intake of a page: every record is in exactly one batch, as a sighting or as a rejection."""
    sorting = sort(page, rules)
    batches: list[Batch] = []
    for botnet_type, sightings in sorting.accepted.items():
        for part in spread(sightings, batch_size):
            for seen in chunks(part, batch_size):
                numbers = [sighting.sequence for sighting in seen]
                batches.append(_batch(page, len(batches), numbers, botnet_type=botnet_type, sightings=seen))
    for refused in _portions(sorting.rejected, batch_size):
        numbers = [number for number, _ in refused]
        rejected = [letter for _, letter in refused]
        batches.append(_batch(page, len(batches), numbers, rejected=rejected))
    return Intake(page.source, page.start, page.end, batches, page.marks)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut into runs of at most `size`."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


def _portions(rejected: Sequence[Placed], size: int) -> Iterator[Sequence[Placed]]:
    """Cut into runs of at most `size`, closed as soon as their bytes reach ORIGINALS_LIMIT."""
    begin = held = 0
    for end, (_, letter) in enumerate(rejected, 1):
        held += len(letter.original)
        if end - begin == size or held >= ORIGINALS_LIMIT:
            yield rejected[begin:end]
            begin, held = end, 0
    if begin < len(rejected):
        yield rejected[begin:]


def _batch(  # noqa: PLR0913 - a batch is all of these
    page: Page,
    part: int,
    numbers: Sequence[int],
    *,
    botnet_type: str = REFUSED_ONLY,
    sightings: Sequence[Sighting] = (),
    rejected: Sequence[Rejected] = (),
) -> Batch:
    return Batch(
        source=page.source,
        epoch=page.end.epoch,
        first=min(numbers),
        last=max(numbers),
        part=part,
        received_at=page.received_at,
        botnet_type=botnet_type,
        sightings=sightings,
        rejected=rejected,
        digest=digest_of(sightings, rejected),
    )


def digest_of(sightings: Sequence[Sighting], rejected: Sequence[Rejected]) -> str:
    """What tells apart batches of other records, by what the database tells records apart by."""
    digest = blake2b(digest_size=DIGEST_SIZE)
    if sightings:
        ips, times, _, cleanups, _ = zip(*sightings, strict=True)
        digest.update("\n".join([*ips, *times]).encode() + bytes(cleanups))
    for letter in rejected:
        digest.update(f"{letter.position} {len(letter.original)} ".encode() + letter.original)
    return digest.hexdigest()
