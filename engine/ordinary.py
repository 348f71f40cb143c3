"""Ordinary records are accepted together, column by column: `prepare` takes half as long. Pure.

What is ordinary is a matter of speed only. A run that holds anything else is left to `engine.acceptance`, whose answers
these are: every record of a run is accepted there, and as the same sighting.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, tzinfo
from functools import partial
from itertools import repeat
from types import NoneType
from typing import NamedTuple

from attrs import frozen

from engine.acceptance import (
    BOTNET_TYPE,
    EVENT_TYPE_LIMIT,
    LOG_TYPES,
    USUAL_TIME,
    RefusedError,
    Rules,
    canonical_ips,
    utc_text,
)
from engine.delivery import RawRecord, Unreadable
from engine.sighting import Sighting

RUN_LIMIT = 256
"""Records looked at together: one that is out of the ordinary makes so many slow."""

_TIMES = re.compile(rf"{USUAL_TIME}(?:\n{USUAL_TIME})*")
_TEXT, _TEXT_OR_NONE = {str}, {str, NoneType}
_NONE = repeat(False)  # noqa: FBT003 - no cleanup
_sighting = partial(tuple.__new__, Sighting)


class Run(NamedTuple):
    """The botnet types and the sightings of some records, in their order."""

    botnet_types: Sequence[str]
    sightings: Sequence[Sighting]


@frozen
class Ordinary:
    """Reads the ordinary records of one page. `latest` is the last moment at which anything may have been seen."""

    rules: Rules
    latest: str

    def read(self, records: Sequence[RawRecord | Unreadable], numbers: Sequence[int]) -> Run | None:
        """The run of these records, placed by these numbers; None where one is out of the ordinary, or not accepted."""
        known = [record for record in records if not isinstance(record, Unreadable)]
        if len(known) < len(records):
            return None
        ips, kinds = _texts([record.ip for record in known]), _texts([record.botnet_type for record in known])
        if ips is None or kinds is None or not self._allows(set(kinds)):
            return None
        addresses = canonical_ips(ips, allow_reserved=self.rules.allow_reserved)
        times = self._times([record.timestamp for record in known])
        if addresses is None or times is None:
            return None
        logs, events = [record.log_type for record in known], [record.event_type for record in known]
        cleanups = _cleanups(logs)
        if cleanups is None or not _are_events(events):
            return None
        return Run(kinds, list(map(_sighting, zip(addresses, times, numbers, cleanups, events))))  # noqa: B905 - one is endless

    def _times(self, values: list[object]) -> Sequence[str] | None:
        """As UTC, all of them in time."""
        texts = _texts(values)
        if texts is None:
            return None
        zone = self.rules.timezone
        try:
            times = _usual(texts, zone) or [utc_text(text, zone) for text in texts]
        except RefusedError:
            return None
        return times if self.rules.earliest <= min(times) and max(times) <= self.latest else None

    def _allows(self, botnet_types: set[str]) -> bool:
        listed = self.rules.botnet_types
        return all(map(BOTNET_TYPE.match, botnet_types)) and (not listed or botnet_types <= listed)


def _usual(texts: Sequence[str], zone: tzinfo) -> Sequence[str] | None:
    """As UTC, where all are of the form that collectors use. Raises RefusedError."""
    joined = "\n".join(texts)
    if _TIMES.fullmatch(joined) is None or not all(map(_is_date, {text[:10] for text in texts})):
        return None
    if zone is not UTC:
        # No zone begins a summer within a minute, and none is off by seconds since 1972.
        minutes = {minute: utc_text(f"{minute}:00", zone) for minute in {text[:16] for text in texts}}
        if not all(minute.endswith(":00") for minute in minutes.values()):
            return None
        joined = "\n".join([minutes[text[:16]][:16] + text[16:] for text in texts])
    times = joined.replace("T", " ").split("\n")
    return times if len(times) == len(texts) else None  # one of them holds a line break, and is two


def _texts(values: list[object]) -> list[str] | None:
    """The same, known to be texts."""
    return values if set(map(type, values)) == _TEXT else None  # type: ignore[return-value]


def _cleanups(values: list[object]) -> Iterable[bool] | None:
    told = _told(values)
    if told is None or not told <= LOG_TYPES.keys():
        return None
    return [LOG_TYPES[value] for value in values] if any(LOG_TYPES[value] for value in told) else _NONE


def _are_events(values: list[object]) -> bool:
    told = _told(values)
    return told is not None and all(value is None or len(str(value)) <= EVENT_TYPE_LIMIT for value in told)


def _told(values: list[object]) -> set[object] | None:
    """What they say, each once; None where any is neither a text nor missing."""
    return set(values) if set(map(type, values)) <= _TEXT_OR_NONE else None


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
