"""The look-up files as lines for people, or as one line of JSON. Pure but for the clock."""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from engine.freshness import age_days, is_old
from engine.ports import FileState
from engine.printable import printable

MEGABYTE = 1_000_000


def as_text(files: Sequence[FileState], max_age_days: int, *, builtin: bool) -> str:
    """A line a file, what answers where no file does, and whom to name."""
    lines = [line(file, max_age_days) for file in files]
    if not files:
        lines.append("no look-up files: python -m engine geo update brings some")
    if builtin:
        lines.append("where no file knows the country, the built-in table does")
    return "\n".join([*lines, *_attributions(files)])


def as_json(files: Sequence[FileState], max_age_days: int, *, builtin: bool) -> str:
    """One object: the files, and the age of the oldest."""
    oldest = min((file.built_at for file in files if file.built_at is not None), default=None)
    content = {
        "files": [_as_object(file, max_age_days) for file in files],
        "oldest_age_days": age_days(oldest),
        "max_age_days": max_age_days,
        "is_old": is_old(oldest, max_age_days, time.time()),
        "builtin": builtin,
    }
    return json.dumps(content)


def line(file: FileState, max_age_days: int = 0) -> str:
    """One file; it is called old where it is older than that many days (0: never)."""
    if file.problem is not None:
        return f"{file.path}  NOT USABLE: {printable(file.problem)}"
    days = age_days(file.built_at)
    age = f"built {_moment(file.built_at)[:10]}, {days} day{'' if days == 1 else 's'} old"
    if is_old(file.built_at, max_age_days, time.time()):
        age += f": OLD, more than {max_age_days} (lookup.max_age_days)"
    size = f"{file.size / MEGABYTE:.1f} MB, {file.entries:,} entries"
    return f"{file.path}  {printable(file.kind)}, {size}, {age}{', previous kept' if file.has_previous else ''}"


def _attributions(files: Sequence[FileState]) -> Iterator[str]:
    """What licences ask to be said, each once."""
    yield from dict.fromkeys(file.attribution for file in files if file.attribution is not None)


def _as_object(file: FileState, max_age_days: int) -> dict[str, object]:
    is_known = file.problem is None
    return {
        "path": str(file.path),
        "kind": file.kind,
        "built_at": _moment(file.built_at) if is_known else None,
        "age_days": age_days(file.built_at),
        "is_old": is_old(file.built_at, max_age_days, time.time()),
        "entries": file.entries,
        "size": file.size,
        "attribution": file.attribution,
        "has_previous": file.has_previous,
        "problem": file.problem,
    }


def _moment(built_at: float | None) -> str:
    """A moment in UTC; a damaged file may name one that no calendar has."""
    try:
        return datetime.fromtimestamp(built_at or 0, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return "never"
