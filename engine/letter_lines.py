"""Dead letters on a screen and as JSON: what a stranger wrote into one is shown, and never acts. Pure."""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence

from attrs import define, field

from engine.dead_letters import DeadLetter, QueueLetter
from engine.delivery import Written
from engine.printable import printable
from engine.retry import ACCEPTED, GONE
from engine.selection import name_of

Letter = DeadLetter | QueueLetter
Fields = dict[str, object]

_COLUMNS = ("id", "created_time", "source", "botnet_type", "stage", "attempts", "reason")
_LONGEST = 40
"""How many characters of a value a column shows; the reason, which is last, is never cut."""


def fields_of(letter: Letter) -> Fields:
    """What a list says of it; times are UTC."""
    if isinstance(letter, QueueLetter):
        place: Fields = {"stage": "queue", "delivery": letter.delivery}
        if letter.batch is not None:
            place |= {"batch": letter.batch.name, "records": letter.batch.size}
    else:
        place = {"stage": letter.stage, "epoch": letter.epoch, "position": letter.position}
    return {
        "id": name_of(letter),
        "created_time": letter.died_at if isinstance(letter, QueueLetter) else letter.created_time,
        "source": letter.source,
        "botnet_type": letter.botnet,
        **place,
        "attempts": letter.attempts,
        "reason": letter.reason,
    }


def as_json(letter: Letter) -> str:
    """One object on one line."""
    return json.dumps(fields_of(letter))


def whole_as_json(letter: Letter) -> str:
    """The same with its bytes: `original` where they are text, else `original_base64`."""
    original = _bytes_of(letter)
    try:
        content = {"original": original.decode()}
    except UnicodeDecodeError:
        content = {"original_base64": b64encode(original).decode()}
    return json.dumps(fields_of(letter) | content)


def whole_as_text(letter: Letter) -> str:
    """All of it, a line for each field."""
    original = _bytes_of(letter).decode(errors="backslashreplace")
    shown = fields_of(letter) | {"original": original}
    return "\n".join(f"{name:<13} {_text(value)}" for name, value in shown.items()) + "\n"


@define
class Table:
    """The list for people: columns as wide as what they have held so far."""

    _widths: list[int] = field(factory=lambda: [len(name) for name in _COLUMNS])
    _has_head: bool = False

    def lines(self, letters: Sequence[Letter]) -> Iterator[str]:
        """The next lines; the names of the columns come first."""
        rows = [_row(letter) for letter in letters]
        if not self._has_head:
            rows.insert(0, list(_COLUMNS))
            self._has_head = True
        for row in rows:
            self._widths = [max(width, len(cell)) for width, cell in zip(self._widths, row, strict=True)]
        for *cells, reason in rows:
            aligned = [f"{cell:<{width}}" for cell, width in zip(cells, self._widths, strict=False)]
            yield "  ".join([*aligned, reason])


@define
class Tally:
    """What became of letters that were tried again."""

    rehearse: bool
    accepted: int = 0
    stay: int = 0
    gone: int = 0
    written: int = 0
    duplicates: int = 0

    def count(self, result: str) -> None:
        """Add one letter."""
        if result == ACCEPTED:
            self.accepted += 1
        elif result == GONE:
            self.gone += 1
        else:
            self.stay += 1

    def add(self, written: Written) -> None:
        """Add what the database did."""
        self.written += written.written
        self.duplicates += written.duplicates

    def as_json(self) -> str:
        """One object on one line."""
        return json.dumps({
            "accepted": self.accepted, "written": self.written, "duplicates": self.duplicates,
            "stay": self.stay, "gone": self.gone, "dry_run": self.rehearse,
        })  # fmt: skip

    def as_text(self) -> str:
        """One line for people."""
        did = f"accepted {self.accepted:,} (written {self.written:,}, there before {self.duplicates:,})"
        lost = f", settled by somebody else {self.gone:,}" if self.gone else ""
        return f"{dry(is_dry=self.rehearse)}{did}, dead letters that stay {self.stay:,}{lost}"


def outcome_as_json(letter: Letter, result: str, reason: str, botnet_type: str | None) -> str:
    """What became of one letter, as one object on one line."""
    return json.dumps({"id": name_of(letter), "result": result, "botnet_type": botnet_type, "reason": reason})


def outcome_as_text(letter: Letter, result: str, reason: str, botnet_type: str | None) -> str:
    """The same for people."""
    return printable(f"{name_of(letter)}  {result}: {reason or botnet_type or '-'}")


def dropped_as_json(count: int, *, is_dry: bool) -> str:
    """How many letters were dropped, as one object on one line."""
    return json.dumps({"dropped": count, "dry_run": is_dry})


def dropped_as_text(count: int, *, is_dry: bool) -> str:
    """The same for people."""
    return f"{dry(is_dry=is_dry)}dropped {count:,}"


def dry(*, is_dry: bool) -> str:
    """How a line about a dry run begins."""
    return "dry run, nothing is changed: " if is_dry else ""


def _row(letter: Letter) -> list[str]:
    shown = fields_of(letter)
    *cells, reason = (_text(shown[name]) for name in _COLUMNS)
    return [*(cell if len(cell) <= _LONGEST else f"{cell[: _LONGEST - 1]}…" for cell in cells), reason]


def _text(value: object) -> str:
    return "-" if value is None or value == "" else printable(str(value))


def _bytes_of(letter: Letter) -> bytes:
    return letter.payload if isinstance(letter, QueueLetter) else letter.original
