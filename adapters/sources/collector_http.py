"""Requests to a collector: total time limited, no redirects, no proxies, the key in a header only.

Whatever goes wrong becomes one clear line in an UnavailableError: where, what, and what to do.
"""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import trio
from attrs import field, frozen

from adapters.sources.collector_body import Body, BrokenBodyError, TooLargeBodyError
from adapters.sources.collector_json import shown
from engine.errors import ConfigError, RefusedError, UnavailableError

_OK = 200
_REDIRECTS = range(300, 400)
_REFUSALS = (401, 403)
_NOTE_LIMIT = 1024
_CONFIRM_LIMIT = 64 * 1024
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL)


class TooMuchError(UnavailableError):
    """The answer was too large, or did not arrive in time: fewer records may fit."""


@frozen
class CollectorOptions:
    """Where a collector is, and how to speak to it.

    `timeout_seconds` is the total time of one request. `pull_limit` is how many records a page has, at most.
    `ca_file` replaces the usual certificate authorities.
    """

    name: str
    url: str
    api_key: str | None = field(default=None, repr=lambda key: "None" if key is None else "***")
    pull_limit: int = 5000
    timeout_seconds: float = 30.0
    verify_tls: bool = True
    ca_file: str | None = None


@frozen
class Endpoint:
    """One collector, ready to be asked. A confirm has a connection of its own, pulls share one."""

    options: CollectorOptions
    base: str
    tls: ssl.SSLContext
    client: httpx.AsyncClient

    async def pull(self, limit: int, since: int | None) -> bytes:
        """Return the body of one answer.

        Raises UnavailableError; TooMuchError where asking for less may help, RefusedError where the key is wrong.
        """
        query = f"limit={limit}&confirm=false" + (f"&since_seq={since}" if since is not None else "")
        seconds = self.options.timeout_seconds
        body = Body()
        try:
            with trio.fail_after(seconds):
                async with self.client.stream("GET", f"{self.base}/pull?{query}") as response:
                    await self._refuse_unless_ok(response)
                    return await body.read(response)
        except trio.TooSlowError:
            error = TooMuchError if body.received else UnavailableError
            raise error(self.says(f"no complete answer within {seconds:g} s (timeout_seconds)")) from None
        except TooLargeBodyError as large:
            raise TooMuchError(self.says(str(large))) from None
        except (BrokenBodyError, httpx.HTTPError, httpx.InvalidURL) as failure:
            raise UnavailableError(self.says(_reason(failure))) from failure

    async def confirm(self, count: int) -> bytes | None:
        """Send one confirm; the body of a 200, None where nobody knows what became of it.

        Raises UnavailableError if the connection could not be made, so that nothing was sent.
        """
        seconds = self.options.timeout_seconds
        patience = httpx.Timeout(None, connect=seconds / 2)  # ends first, and then surely nothing was sent
        with trio.move_on_after(seconds):
            try:
                async with (
                    _client(self.options, self.tls, patience, kept=0) as client,
                    client.stream("POST", f"{self.base}/confirm", json={"count": count}) as response,
                ):
                    body = Body(_CONFIRM_LIMIT, _CONFIRM_LIMIT)
                    return await body.read(response) if response.status_code == _OK else None
            except _NOT_SENT as failure:
                raise UnavailableError(self.says(_reason(failure))) from failure
            except (BrokenBodyError, TooLargeBodyError, httpx.HTTPError):
                return None
        return None

    def says(self, what: str) -> str:
        """A line about this collector."""
        return f"collector {self.options.name} at {self.base}: {what}"

    async def _refuse_unless_ok(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == _OK:
            return
        if status in _REDIRECTS:
            target = shown(response.headers.get("location", "nowhere"))
            raise BrokenBodyError(f"redirects to {target}, and redirects are not followed; if it moved, change url")
        if status in _REFUSALS:
            raise RefusedError(self.says(f"refuses the key (HTTP {status}); check api_key"))
        note = await Body().read(response, enough=_NOTE_LIMIT)
        raise BrokenBodyError(f"answered HTTP {status}: {shown(note.strip())}; is url right, and the collector well?")


@asynccontextmanager
async def open_endpoint(options: CollectorOptions) -> AsyncIterator[Endpoint]:
    """Check the options, without any request. Raises ConfigError."""
    for name in ("httpx", "httpcore"):  # they log every URL
        logging.getLogger(name).setLevel(logging.WARNING)
    base, tls = _base(options), _tls(options)
    # No limit per operation: it never ends a drip. Endpoint limits the total.
    async with _client(options, tls, httpx.Timeout(None), kept=2) as client:
        yield Endpoint(options, base, tls, client)


def _base(options: CollectorOptions) -> str:
    try:
        parts = urlsplit(options.url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"source {options.name}: url is not of the form http(s)://host[:port]")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(f"source {options.name}: url must have no user, query or fragment; a key belongs in api_key")
    key = options.api_key or ""
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise ConfigError(f"source {options.name}: api_key has characters that an HTTP header cannot carry")
    base = options.url.rstrip("/")
    return base if parts.path.rstrip("/").endswith("/api") else f"{base}/api"


def _tls(options: CollectorOptions) -> ssl.SSLContext:
    if options.ca_file is not None and options.verify_tls:
        try:
            return ssl.create_default_context(cafile=str(Path(options.ca_file).expanduser()))
        except OSError as error:
            raise ConfigError(f"source {options.name}: ca_file {options.ca_file} cannot be used: {error}") from None
    if urlsplit(options.url).scheme == "http":  # reading the system's certificates takes a third of a second
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context(verify=options.verify_tls, trust_env=False)


def _client(options: CollectorOptions, tls: ssl.SSLContext, timeout: httpx.Timeout, *, kept: int) -> httpx.AsyncClient:
    """Make a client that keeps so many connections for the next request."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if options.api_key:
        headers["X-API-Key"] = options.api_key
    if not kept:
        headers["Connection"] = "close"
    limits = httpx.Limits(max_keepalive_connections=kept)
    return httpx.AsyncClient(headers=headers, verify=tls, trust_env=False, timeout=timeout, limits=limits)


def _reason(failure: Exception) -> str:
    """What a failed request tells its reader."""
    text = shown(failure) or type(failure).__name__
    tls = _tls_error(failure)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return f"its TLS certificate is not trusted ({tls.verify_message}); set ca_file to its authority"
    if tls is not None:
        return f"TLS failed ({shown(tls.reason or tls)}); is url https, and the collector too?"
    if isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout):
        return f"cannot connect ({text}); is it running, and url right?"
    if isinstance(failure, httpx.HTTPError):
        return f"the answer broke off ({text})"
    return text


def _tls_error(failure: BaseException | None) -> ssl.SSLError | None:
    while failure is not None and not isinstance(failure, ssl.SSLError):
        failure = failure.__cause__ or failure.__context__
    return failure
