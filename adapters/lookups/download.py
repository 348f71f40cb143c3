"""A file from the network: bounded in size and time, encrypted unless it comes from this machine."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx
import trio
from attrs import frozen

from adapters.lookups.providers import Access
from engine.errors import ConfigError, RejectedError, UnavailableError
from engine.settings.allowed import is_loopback

OK: Final = 200
UNCHANGED: Final = 304
ABSENT: Final = 404
REDIRECT_LIMIT: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_REFUSALS: Final = frozenset({401, 403})


Note = Callable[[int, int], None]
"""Told how many bytes have arrived, and how many there are: 0 where the provider does not say."""


class Arriving(NamedTuple):
    """Where the bytes go, and who is told of them."""

    stream: BinaryIO
    note: Note


class Answer(NamedTuple):
    """OK, UNCHANGED or ABSENT; and when the provider says the file was last changed, in seconds since 1970."""

    status: int
    modified_at: float | None = None


@frozen
class Downloader:
    """Downloads one file after the other. Whatever goes wrong is said in one line, without any key."""

    client: httpx.AsyncClient
    timeout_seconds: float
    size_limit: int

    async def download(self, url: str, access: Access, since: float | None, target: Path, note: Note) -> Answer:
        """Write the file at `url` to `target`, unless it has not changed since then; `note` is told what has arrived.

        Raises UnavailableError; ConfigError where the key is refused; RejectedError where the file is too large.
        """
        where = shown(url)
        try:
            with trio.fail_after(self.timeout_seconds), target.open("wb") as stream:
                first = httpx.URL(url).copy_merge_params(access.query)
                return await self._follow(first, access, since, Arriving(stream, note))
        except trio.TooSlowError:
            raise UnavailableError(f"{where}: not all of it in {self.timeout_seconds:g} s (timeout_seconds)") from None
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise UnavailableError(f"{where}: {reason_of(failure)}") from None

    async def _follow(self, first: httpx.URL, access: Access, since: float | None, target: Arriving) -> Answer:
        url = first
        condition = {} if since is None else {"If-Modified-Since": http_date(since)}
        for _ in range(REDIRECT_LIMIT + 1):
            own = access.headers if _origin(url) == _origin(first) else {}  # keys are for the provider, not its storage
            async with self.client.stream("GET", url, headers={**condition, **own}) as response:
                if response.status_code not in _REDIRECTS:
                    return await self._answer(response, str(first), target)
                url = httpx.URL(redirected(str(url), response.headers.get("location", "")))
        raise UnavailableError(f"{shown(str(first))}: redirects more than {REDIRECT_LIMIT} times")

    async def _answer(self, response: httpx.Response, url: str, target: Arriving) -> Answer:
        status = response.status_code
        if status in _REFUSALS:
            raise ConfigError(f"{shown(url)}: refuses us (HTTP {status}); check the keys in [geo]")
        if status in {UNCHANGED, ABSENT}:
            return Answer(status)
        if status != OK:
            raise UnavailableError(f"{shown(url)}: answered HTTP {status}")
        size, total = 0, whole_number(response.headers.get("content-length", ""))
        # Leaving the loop early would leave a chain of generators to the garbage collector; cancelling unwinds them.
        with trio.CancelScope() as rest:
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > self.size_limit:
                    rest.cancel()
                else:
                    target.stream.write(chunk)
                    target.note(size, total)
        if size > self.size_limit:
            raise RejectedError(f"{shown(url)}: larger than {self.size_limit} bytes (geo.size_limit)")
        return Answer(OK, seconds_of(response.headers.get("last-modified", "")))


@asynccontextmanager
async def open_downloader(timeout_seconds: float, size_limit: int) -> AsyncIterator[Downloader]:
    """A downloader that heeds neither proxies nor keys of the environment."""
    headers = {"User-Agent": "botnet-engine", "Accept-Encoding": "identity"}
    tls = httpx.create_ssl_context(trust_env=False)
    # No limit per operation: it never ends a drip. The downloader limits the total.
    patience = httpx.Timeout(None)
    async with httpx.AsyncClient(headers=headers, verify=tls, trust_env=False, timeout=patience) as client:
        yield Downloader(client, timeout_seconds, size_limit)


def redirected(url: str, location: str) -> str:
    """Where a redirect leads, if it may be followed: from https to https, from this machine to this machine.

    Raises UnavailableError. A number in the place of a name would be no provider's, but something inside our network.
    """
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        name, at_home = parts.hostname or "", is_loopback(urlsplit(url).hostname or "")
        is_named = bool(location and name) and "@" not in parts.netloc
        is_allowed = is_loopback(name) if at_home else parts.scheme == "https" and not _is_number(name)
    except ValueError:
        target, is_named, is_allowed = location, False, False
    if not (is_named and is_allowed):
        raise UnavailableError(f"{shown(url)}: redirects to {shown(target)}, which is not followed")
    return target


def shown(url: str) -> str:
    """A URL for a message: without its query, which may hold a key or a signature."""
    return url.partition("?")[0].rpartition("@")[2][:200]


def reason_of(failure: Exception) -> str:
    """What a failed request tells its reader."""
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its TLS certificate is not trusted ({cause.verify_message})"
        cause = cause.__cause__ or cause.__context__
    text = str(failure) or type(failure).__name__
    if isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout):
        return f"cannot connect ({text})"
    return f"broke off ({text})"


def whole_number(text: str) -> int:
    """What a header counts; 0 where it is no number."""
    return int(text) if text.isascii() and text.isdigit() else 0


def http_date(seconds: float) -> str:
    """A moment as HTTP writes it."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def seconds_of(text: str) -> float | None:
    """The moment of such a text; None where it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return is_loopback(host) or host.replace(".", "").isdigit()
    return True
