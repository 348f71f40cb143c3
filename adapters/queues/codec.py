"""How a batch travels through a queue: one byte that names the form, then MessagePack."""

from typing import NamedTuple

import msgspec

from engine.delivery import Batch
from engine.sighting import Rejected, Sighting

FORM = b"\x02"
FIRST_FORM = b"\x01"
"""The same without the digest: what an engine of before has left in a queue."""

CLAIM_SIZE = 1024 * 1024
"""Bytes of packed batches after which a claim takes no more: about 20,000 sightings, or a few refused records."""


class UndecodableError(Exception):
    """These bytes are no batch that this engine can read."""


class _Packed(NamedTuple):
    """The fields of a batch in the order they travel in; what a later form adds, it adds under another first byte."""

    source: str
    epoch: int
    first: int
    last: int
    part: int
    received_at: str
    botnet_type: str
    sightings: list[Sighting]
    rejected: list[Rejected]
    span: tuple[int, int] | None
    digest: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)


def encode(batch: Batch) -> bytes:
    """Pack a batch."""
    packed = _Packed(
        batch.source,
        batch.epoch,
        batch.first,
        batch.last,
        batch.part,
        batch.received_at,
        batch.botnet_type,
        list(batch.sightings),
        list(batch.rejected),
        batch.span,
        batch.digest,
    )
    return FORM + _encoder.encode(packed)


def decode(payload: bytes) -> Batch:
    """Unpack what `encode` made. Raises UndecodableError, whatever the bytes are."""
    if payload[:1] not in {FORM, FIRST_FORM}:
        found = f"form {payload[0]}" if payload else "nothing"
        raise UndecodableError(f"not a batch in form {FORM[0]}: found {found}")
    try:
        packed = _decoder.decode(memoryview(payload)[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UndecodableError(f"not a batch: {error}") from error
    return Batch(*packed)


def decoded(payload: bytes) -> Batch | None:
    """The batch, or None where these bytes are none."""
    try:
        return decode(payload)
    except UndecodableError:
        return None
