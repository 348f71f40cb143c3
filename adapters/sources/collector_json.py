"""The answer of a collector as rows, each read on its own: a broken record never costs its neighbours. Pure.

Three ways, each for what the one before it cannot read: whole (every record is as it should be), record by record, and
by brackets (the answer as a whole is not JSON: NaN, raw control characters, absurd nesting). Only an answer whose
list of records cannot be delimited is refused.
"""

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec
from attrs import frozen

from adapters.sources.collector_brackets import ROW_LIMIT, AnswerError, salvaged_number, slices_by_brackets
from engine.delivery import Mark, Unreadable

RECORD_LIMIT = 64 * 1024
SEQUENCE_LIMIT = 2**53 - 1

# Beyond these an answer is read by brackets, which stops at the first row too many: a hostile one must not become
# a hundred times as large in memory.
_SMALL_ANSWER = 4 * 1024 * 1024
_COMMA_LIMIT = 1_000_000

Scalar = str | int | float | bool | None


class Record(msgspec.Struct, gc=False):
    """A record as it was sent. Scalars only, so that what is kept of it is never larger than what was sent."""

    ip: Scalar = None
    timestamp: Scalar = None
    botnet_type: Scalar = None
    log_type: Scalar = None
    event_type: Scalar = None
    seq_id: Scalar = None


class _Envelope(msgspec.Struct, gc=False):
    success: Scalar = True
    error: Scalar = None
    data: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    global_max_seq_id: msgspec.Raw = msgspec.Raw(b"null")
    stats: msgspec.Raw = msgspec.Raw(b"null")


class _Stats(msgspec.Struct, gc=False):
    cached_records: Scalar = None


class _OlderEnvelope(msgspec.Struct, gc=False):
    records: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


class Told(NamedTuple):
    """What an answer says of the whole collector, as far as it does; nothing of it can be trusted.

    The number of its `newest` record, and how many it has not been told to forget.
    """

    newest: int | None = None
    unconfirmed: int | None = None


NOTHING_TOLD = Told()


@frozen
class Rows:
    """The records of one answer, in its order, with their numbers and fingerprints and the bytes they were sent as."""

    records: Sequence[Record | Unreadable] = ()
    numbers: Sequence[int | None] = ()
    fingerprints: Sequence[int] = ()
    slices: Sequence[bytes | msgspec.Raw] = ()
    told: Told = NOTHING_TOLD

    @property
    def first(self) -> Mark | None:
        """Number and fingerprint of the first row; None where there is no row or no number."""
        if not self.numbers or self.numbers[0] is None:
            return None
        return Mark(self.numbers[0], self.fingerprints[0])

    def originals(self) -> Sequence[bytes]:
        """The bytes of every record, cut at RECORD_LIMIT."""
        return [bytes(memoryview(piece)[:RECORD_LIMIT]) for piece in self.slices]

    def without_first(self) -> "Rows":
        """All but the first row."""
        return Rows(self.records[1:], self.numbers[1:], self.fingerprints[1:], self.slices[1:], self.told)


_read_envelope = msgspec.json.Decoder(_Envelope).decode
_read_older_envelope = msgspec.json.Decoder(_OlderEnvelope).decode
_read_stats = msgspec.json.Decoder(_Stats | None).decode
_read_record = msgspec.json.Decoder(Record).decode
_read_anything = msgspec.json.Decoder().decode

# What msgspec raises on hostile input: UnicodeDecodeError is a ValueError.
_BROKEN = (msgspec.DecodeError, RecursionError, ValueError)


def read_whole(body: bytes) -> Rows | None:
    """The rows of an ordinary answer, at speed; None where the answer needs `read_carefully`. Raises AnswerError."""
    if not _is_tame(body):
        return None
    try:
        slices, told = _slices(body)
        if len(slices) > ROW_LIMIT or max(map(len, slices), default=0) > RECORD_LIMIT:
            return None
        records = [_read_record(piece) for piece in slices]
    except _BROKEN:
        return None
    numbers: list[int] = []
    for record in records:
        number = record.seq_id
        if type(number) is not int or not 0 < number <= SEQUENCE_LIMIT or record.ip is None:
            return None
        numbers.append(number)
    prints = [crc32(f"{each.ip}\n{each.timestamp}\n{each.botnet_type}".encode()) for each in records]
    return Rows(records, numbers, prints, slices, told)


def read_carefully(body: bytes) -> Rows:
    """The rows of any answer whose list can be delimited. Raises AnswerError. May take seconds: run it in a thread."""
    slices: Sequence[bytes | msgspec.Raw] | None = None
    told = NOTHING_TOLD
    if _is_tame(body):
        try:
            slices, told = _slices(body)
        except _BROKEN:
            slices = None
    if slices is None:
        slices = slices_by_brackets(body)
    if len(slices) > ROW_LIMIT:
        raise AnswerError(f"{len(slices)} records, more than the {ROW_LIMIT} a page may have")
    rows = [_read_alone(bytes(piece)) for piece in slices]
    return Rows([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows], slices, told)


def _is_tame(body: bytes) -> bool:
    return len(body) <= _SMALL_ANSWER or body.count(b",") <= _COMMA_LIMIT


def _slices(body: bytes) -> tuple[Sequence[bytes | msgspec.Raw], Told]:
    """The bytes of every record, where the answer is JSON. `data` and `records` are the same list: one is skipped."""
    envelope = _read_envelope(body)
    if envelope.success is not True:
        raise AnswerError(f"success is {envelope.success!r}: {shown(envelope.error)}")
    slices = envelope.data
    if isinstance(slices, msgspec.UnsetType):
        slices = _read_older_envelope(body).records
    if isinstance(slices, msgspec.UnsetType):
        raise AnswerError("neither data nor records in the answer")
    # Each of them keeps the whole answer: it may be far larger than its records, or they than what is kept of them.
    kept = slices if len(body) <= _SMALL_ANSWER else list(map(bytes, slices))
    return kept, Told(_newest(envelope.global_max_seq_id), _unconfirmed(envelope.stats))


def _newest(told: msgspec.Raw) -> int | None:
    try:
        return _count(_read_anything(told))
    except _BROKEN:
        return None


def _unconfirmed(told: msgspec.Raw) -> int | None:
    try:
        stats = _read_stats(told)
    except _BROKEN:
        return None
    return None if stats is None else _count(stats.cached_records)


def _count(number: object) -> int | None:
    return number if type(number) is int and 0 <= number <= SEQUENCE_LIMIT else None


def _read_alone(original: bytes) -> tuple[Record | Unreadable, int | None, int]:
    """One record with its number and fingerprint, whatever it is."""
    try:
        if len(original) > RECORD_LIMIT:
            raise ValueError(f"{len(original)} bytes, more than the {RECORD_LIMIT} kept of it")
        record = _read_record(original)
        number = _usable(record.seq_id)
        if record.ip is None or number is None:
            number = _complete(record, original)
    except _BROKEN as error:
        return (
            Unreadable(f"not a readable record: {shown(error)}"),
            _usable(salvaged_number(original, RECORD_LIMIT)),
            crc32(original),
        )
    return record, number, crc32(f"{record.ip}\n{record.timestamp}\n{record.botnet_type}".encode())


def _usable(number: object) -> int | None:
    if type(number) is int and 0 < number <= SEQUENCE_LIMIT:
        return number
    return None


def _complete(record: Record, original: bytes) -> int | None:
    """Fill the address in from its other name, and return the number, maybe from its other names."""
    fields = _read_anything(original)
    if record.ip is None and isinstance(fields.get("source_ip"), str | int | float):
        record.ip = fields["source_ip"]
    found = (_usable(fields.get(name)) for name in ("seq_id", "_seq_id", "_cache_id"))
    return next((number for number in found if number is not None), None)


def shown(value: object, limit: int = 200) -> str:
    """What the other side said, fit for a line of log: printable and never long."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    cut = text[:limit].encode("unicode_escape").decode("ascii")
    return cut if len(text) <= limit and len(cut) <= limit else cut[:limit] + "…"
