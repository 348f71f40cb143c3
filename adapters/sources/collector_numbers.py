"""Sequence numbers of a page: which are believed, the marks they make, and the cursor after them. Pure.

A collector numbers its records in ascending order. Where a page does not, some numbers are wrong, and the cursor must
not follow them: one absurdly high number would skip whatever comes after it. The longest ascending run is believed.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from operator import lt

from attrs import frozen

from engine.delivery import Cursor, Mark


@frozen
class Numbering:
    """What the numbers of a page say. `sequences` runs parallel to the records, None where one is not believed."""

    sequences: Sequence[int | None]
    marks: Sequence[Mark]
    end: Cursor


def numbering(numbers: Sequence[int | None], fingerprints: Sequence[int], start: Cursor) -> Numbering:
    """Number the records that follow `start`; the cursor stays there when none has a number that is believed."""
    sequences = numbers
    if numbers and not _is_ascending((start.sequence, *numbers)):
        sequences = _believed(numbers, start.sequence)
        pairs = {
            number: print_ for number, print_ in zip(reversed(sequences), reversed(fingerprints), strict=True) if number
        }
        marks = [Mark(number, pairs[number]) for number in sorted(pairs)]
    else:
        marks = list(map(_as_mark, zip(numbers, fingerprints, strict=True)))
    end = Cursor(start.epoch, *marks[-1]) if marks else start
    return Numbering(sequences, marks, end)


_as_mark = partial(tuple.__new__, Mark)


def _is_ascending(numbers: Sequence[int | None]) -> bool:
    return None not in numbers and all(map(lt, numbers, numbers[1:]))  # type: ignore[arg-type]  # None is ruled out


def _believed(numbers: Sequence[int | None], after: int) -> Sequence[int | None]:
    """The longest run that never descends, of numbers above `after`; None in the place of every other."""
    lasts: list[int] = []  # the lowest number in which a run of this length can end ...
    places: list[int] = []  # ... where that is ...
    before: dict[int, int] = {}  # ... and the place before each place in its run
    for place, number in enumerate(numbers):
        if number is None or number <= after:
            continue
        length = bisect_right(lasts, number)
        if length:
            before[place] = places[length - 1]
        lasts[length : length + 1] = [number]
        places[length : length + 1] = [place]
    believed: list[int | None] = [None] * len(numbers)
    next_place = places[-1] if places else None
    while next_place is not None:
        believed[next_place] = numbers[next_place]
        next_place = before.get(next_place)
    return believed
