"""What a setting may hold. A rule says in words what is allowed, and what is wrong with a value that is not. Pure."""

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from attrs import frozen

from engine.acceptance import BOTNET_TYPE
from engine.settings.secret import Secret

T = TypeVar("T")

NAME = re.compile(r"\A[A-Za-z0-9._-]{1,64}\Z")
PORT_LIMIT = 65_535

REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")
QUEUE_SCHEMES = (*REDIS_SCHEMES, "sqlite", "memory")
DATABASE_SCHEMES = ("mysql", "sqlite")
_FILE_SCHEMES = ("unix", "sqlite")


@frozen
class Rule:
    """`problem(value)` is what is wrong with a value of the right type, None where nothing is."""

    allowed: str
    problem: Callable[[object], str | None]


def _rule(kind: type[T], allowed: str, problem: Callable[[T], str | None]) -> Rule:
    def checked(value: object) -> str | None:
        return problem(value) if isinstance(value, kind) else f"not {kind.__name__}"

    return Rule(allowed, checked)


def anything(allowed: str) -> Rule:
    """Every value of the type."""
    return Rule(allowed, lambda _: None)


def whole(low: int, high: int) -> Rule:
    """A whole number within bounds, both included."""

    def problem(value: int) -> str | None:
        if value < low:
            return "too small"
        return "too large" if value > high else None

    return _rule(int, f"a whole number from {low} to {high}", problem)


def seconds(high: int, *, least: int | None = None) -> Rule:
    """A duration: more than 0, or `least` and more; at most `high`, and no NaN."""

    def problem(value: float) -> str | None:
        if math.isnan(value) or math.isinf(value):
            return "not a finite number"
        if value <= 0 if least is None else value < least:
            return "too small"
        return "too large" if value > high else None

    low = "above 0, at most" if least is None else f"from {least} to"
    return _rule(float, f"seconds, {low} {high}", problem)


def one_of(*choices: str) -> Rule:
    """One of a few words."""
    allowed = " | ".join(choices)
    return _rule(str, allowed, lambda value: None if value in choices else f"unknown{did_you_mean(value, choices)}")


def name() -> Rule:
    """The name of a source, a queue or an engine."""
    allowed = "1 to 64 letters, digits, dots, hyphens or underscores"
    return _rule(str, allowed, lambda value: None if NAME.match(value) else "not a name")


def botnet_types() -> Rule:
    """A list of botnet types; empty allows every well-formed one."""

    def problem(values: tuple[str, ...]) -> str | None:
        bad = [value for value in values if not BOTNET_TYPE.match(value)]
        return f"{bad[0][:60]!r} is not a botnet type" if bad else None

    return _rule(tuple, "a list of types of 1 to 40 characters a-z, 0-9 and _", problem)


def api_key() -> Rule:
    """A key that fits into an HTTP header."""

    def problem(value: Secret) -> str | None:
        text = value.reveal()
        if not text:
            return "empty"
        return (
            None if text.isascii() and text.isprintable() and " " not in text else "has characters no header can carry"
        )

    return _rule(Secret, "visible ASCII characters without blanks", problem)


def address() -> Rule:
    """Where to listen: host and port, or 0."""

    def problem(value: str) -> str | None:
        if value == "0":
            return None
        host, port = split_address(value)
        if not host or not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", host):
            return "not HOST:PORT"
        return None if port <= PORT_LIMIT else f"port is not between 0 and {PORT_LIMIT}"

    return _rule(str, "HOST:PORT such as 127.0.0.1:8787 or [::1]:8787 (port 0: a free one), or 0 for nowhere", problem)


def split_address(text: str) -> tuple[str, int]:
    """Host, without the brackets of IPv6, and port of HOST:PORT; an empty host where it is none."""
    found = re.fullmatch(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})", text)
    return ("", 0) if found is None else (found["v6"] or found["host"], int(found["port"]))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def timezone() -> Rule:
    """A zone of the IANA database."""

    def problem(value: str) -> str | None:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            return f"unknown timezone{did_you_mean(value, available_timezones())}"
        return None

    return _rule(str, "an IANA name such as UTC or Asia/Shanghai", problem)


def past() -> Rule:
    """A moment (UTC text, `YYYY-MM-DD HH:MM:SS`) that has been."""

    def problem(value: str) -> str | None:
        return "in the future" if value > datetime.now(UTC).isoformat(" ")[:19] else None

    return _rule(str, "a past date YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS in UTC", problem)


def queue_url() -> Rule:
    """Where batches wait."""
    redis = ", ".join(f"{scheme}://" for scheme in REDIS_SCHEMES)
    allowed = f"{redis}, sqlite:///FILE or memory://"
    return _rule(str, allowed, lambda value: _url_problem(value, QUEUE_SCHEMES))


def database_url() -> Rule:
    """Where sightings end."""

    def problem(value: str) -> str | None:
        wrong = _url_problem(value, DATABASE_SCHEMES)
        if wrong is None and value.startswith("mysql:") and not urlsplit(value).path.strip("/"):
            return "names no database"
        return wrong

    return _rule(str, "mysql://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:///FILE", problem)


def source_url() -> Rule:
    """Where a collector listens."""

    def problem(value: str) -> str | None:
        wrong = _url_problem(value, ("http", "https"))
        if wrong is not None:
            return wrong
        parts = urlsplit(value)
        if "@" in parts.netloc:
            return "holds a user name; keys belong in api_key"
        return "has a query or fragment" if parts.query or parts.fragment else None

    return _rule(str, "http://HOST:PORT or https://HOST:PORT", problem)


def download_url() -> Rule:
    """Where files are downloaded from."""

    def problem(value: str) -> str | None:
        wrong = _url_problem(value, ("http", "https"))
        if wrong is not None:
            return wrong
        parts = urlsplit(value)
        if "@" in parts.netloc or parts.query or parts.fragment:
            return "has a user name, query or fragment"
        return None if parts.scheme == "https" or is_loopback(parts.hostname or "") else "not encrypted"

    return _rule(str, "https://HOST:PORT/PATH, or http:// on this machine", problem)


def did_you_mean(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """` (did you mean …?)`, or nothing where no known word is near."""
    near = get_close_matches(word, sorted(known), n=1, cutoff=likeness)
    return f" (did you mean {near[0]}?)" if near else ""


def _url_problem(url: str, schemes: tuple[str, ...]) -> str | None:
    """What is wrong with a URL; never quotes a part of it, for a badly written password may be anywhere in it."""
    if not url.isprintable() or " " in url:
        return "has blanks or control characters"
    scheme, separator, _ = url.partition("://")
    if not separator:
        return "not a URL"
    if scheme not in schemes:
        return f"scheme {scheme[:30]!r} is not supported{did_you_mean(scheme, schemes)}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "not a URL"
    if scheme in _FILE_SCHEMES:
        return (
            None
            if parts.path.strip("/") and not (scheme == "sqlite" and parts.netloc)
            else "names no file (three slashes)"
        )
    return None if scheme == "memory" else _hosts_problem(parts)


def _hosts_problem(parts: SplitResult) -> str | None:
    """One host, or for a cluster several with commas between them."""
    for host in parts.netloc.rpartition("@")[2].split(","):
        found = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", host)
        if found is None:
            return "host or port is not well-formed (a password with special characters must be percent-encoded)"
        if found["port"] is not None and not 1 <= int(found["port"]) <= PORT_LIMIT:
            return f"port is not between 1 and {PORT_LIMIT}"
    return None
