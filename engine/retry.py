"""Dead letter -> acceptance -> database: the second chance of a record, as it was or as somebody mended it.

A letter is settled in the transaction that writes its record, so a crash leaves it either as it was or done; done
twice, by two people at once, it is written once.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from attrs import evolve, field, frozen

from engine.acceptance import Accepted, RefusedError, Rules, reader
from engine.dead_letters import AFTERWARDS, DeadLetter, DeadLetters, fields_of
from engine.delivery import Batch, Unreadable, Written
from engine.errors import RejectedError
from engine.sighting import Facts

ACCEPTED, REFUSED, STRANGER, GONE = "accepted", "refused", "source not configured", "gone"

FindFacts = Callable[[AbstractSet[str]], Awaitable[Mapping[str, Facts]]]


class Outcome(NamedTuple):
    """What became of one letter. `reason` says why it stays, where it does."""

    letter: DeadLetter
    result: str
    reason: str = ""
    botnet_type: str = ""


class Step(NamedTuple):
    """What became of some letters that were written together, and what the database did."""

    outcomes: Sequence[Outcome]
    written: Written = Written()


@frozen
class Original:
    """A record read from the bytes of a letter: as untrusted as it was when it came."""

    ip: object = None
    timestamp: object = None
    botnet_type: object = None
    log_type: object = None
    event_type: object = None


@frozen
class Retry:
    """Tries letters again.

    `rules_of` a source are None where it is not configured: its time zone is not known then, and the letter stays.
    `mended` stands in for the original bytes; where it is refused, the letter keeps the reason for its own. With
    `rehearse` nothing is changed, and the outcome is what would be.
    """

    letters: DeadLetters
    find_facts: FindFacts
    rules_of: Callable[[str], Rules | None]
    now: datetime = field(factory=lambda: datetime.now(UTC))
    mended: bytes | None = None
    rehearse: bool = False
    _rehearsed: set[tuple[object, ...]] = field(factory=set, repr=False)

    async def run(self, pages: AsyncIterator[Sequence[DeadLetter]]) -> AsyncIterator[Step]:
        """Try every letter of these pages once; a step ends where the database has committed it."""
        async for page in pages:
            for batch, outcomes in _gather([self._judge(letter) for letter in page]):
                if batch is None:
                    yield await self._leave(outcomes)
                    continue
                async for step in self._write(batch, outcomes):
                    yield step

    def _judge(self, letter: DeadLetter) -> tuple[Outcome, Accepted | None]:
        rules = self.rules_of(letter.source)
        if rules is None:
            return Outcome(
                letter, STRANGER, f"no source {letter.source!r} is configured: its rules are not known"
            ), None
        record = read_record(letter.original if self.mended is None else self.mended)
        try:
            accepted = reader(rules, self.now)(record, letter.sequence)
        except RefusedError as refusal:
            return Outcome(letter, REFUSED, str(refusal)), None
        return Outcome(letter, ACCEPTED, botnet_type=accepted[0]), accepted

    async def _leave(self, outcomes: Sequence[Outcome]) -> Step:
        for outcome in outcomes:
            if outcome.result == REFUSED and not self.rehearse and self.mended is None:
                await self.letters.refuse(outcome.letter.id, outcome.reason)
        return Step(outcomes)

    async def _write(self, batch: Batch, outcomes: Sequence[Outcome]) -> AsyncIterator[Step]:
        """Write them together; where that cannot be, one by one."""
        ids = [outcome.letter.id for outcome in outcomes]
        facts = await self.find_facts({sighting.ip for sighting in batch.sightings})
        try:
            written = await (self._rehearse if self.rehearse else self._resolve)(batch, facts, ids)
        except RejectedError as refusal:
            if len(outcomes) == 1:
                yield await self._leave([outcomes[0]._replace(result=REFUSED, reason=refusal.reason)])
                return
            written = None
        if written is not None:
            yield Step(outcomes, written)
        elif len(outcomes) == 1:
            yield Step([outcomes[0]._replace(result=GONE, reason="somebody else has settled it")])
        else:
            for outcome, sighting in zip(outcomes, batch.sightings, strict=True):
                async for step in self._write(_named(evolve(batch, sightings=[sighting]), [outcome]), [outcome]):
                    yield step

    async def _resolve(self, batch: Batch, facts: Mapping[str, Facts], ids: Sequence[int]) -> Written | None:
        return await self.letters.resolve(batch, facts, ids, rehearse=False)

    async def _rehearse(self, batch: Batch, facts: Mapping[str, Facts], ids: Sequence[int]) -> Written | None:
        """As if what was rehearsed before had been written."""
        keys = {(batch.botnet_type, seen.ip, seen.seen_at, seen.cleanup): seen for seen in batch.sightings}
        new = [seen for key, seen in keys.items() if key not in self._rehearsed]
        written = await self.letters.resolve(evolve(batch, sightings=new), facts, ids, rehearse=True)
        self._rehearsed.update(keys)
        return written and Written(written.written, len(batch.sightings) - written.written)


def read_record(text: bytes) -> Original | Unreadable:
    """A record from the bytes of a letter, in the collector's form or in the one that the database refused."""
    fields = fields_of(text)
    if not fields:
        return Unreadable("not a readable record: its bytes are no JSON object, or an empty one")
    if "seen_at" in fields:
        seen_at = fields["seen_at"]
        return Original(
            ip=fields.get("ip"),
            timestamp=f"{seen_at}+00:00" if isinstance(seen_at, str) else seen_at,
            botnet_type=fields.get("botnet_type"),
            log_type="cleanup" if fields.get("cleanup") is True else "online",
            event_type=fields.get("event_type"),
        )
    return Original(
        ip=fields.get("source_ip") if fields.get("ip") is None else fields["ip"],
        timestamp=fields.get("timestamp"),
        botnet_type=fields.get("botnet_type"),
        log_type=fields.get("log_type"),
        event_type=fields.get("event_type"),
    )


def _gather(
    judged: Sequence[tuple[Outcome, Accepted | None]],
) -> Iterator[tuple[Batch | None, Sequence[Outcome]]]:
    """What stays, and the rest in batches: one a source, epoch, botnet type and time of arrival."""
    yield None, [outcome for outcome, accepted in judged if accepted is None]
    accepted = [(outcome, found) for outcome, found in judged if found is not None]
    accepted.sort(key=lambda pair: (_place(pair[0]), pair[0].letter.id))
    for (source, epoch, botnet_type, arrived), group in groupby(accepted, key=lambda pair: _place(pair[0])):
        pairs = list(group)
        sightings = [sighting for _, (_, sighting) in pairs]
        outcomes = [outcome for outcome, _ in pairs]
        batch = Batch(source, epoch, 0, 0, AFTERWARDS, arrived, botnet_type, sightings)
        yield _named(batch, outcomes), outcomes


def _place(outcome: Outcome) -> tuple[str, int, str, str]:
    letter = outcome.letter
    return letter.source, letter.epoch, outcome.botnet_type, letter.created_time


def _named(batch: Batch, outcomes: Sequence[Outcome]) -> Batch:
    """The same under a name that says which letters it was made of."""
    numbers = [outcome.letter.sequence for outcome in outcomes]
    ids = [outcome.letter.id for outcome in outcomes]
    return evolve(batch, first=min(numbers), last=max(numbers), span=(min(ids), max(ids) + 1))
