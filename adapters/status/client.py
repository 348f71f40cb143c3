"""Asks a running engine for its picture, over HTTP."""

import time

import httpx
import msgspec

from engine.errors import ConfigError, UnavailableError
from engine.picture import VERSION, Picture
from engine.settings import Settings
from engine.settings.allowed import split_address

SECONDS = 5.0
BYTES = 16_000_000
"""Larger than any picture."""
HTTP_OK = 200
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to ask there, not to listen


class Version(msgspec.Struct):
    """What every version of the picture has."""

    version: int


def ask(settings: Settings) -> Picture:
    """The picture of the engine that serves at `status.address`. Raises ConfigError, or UnavailableError."""
    url = f"{base_url(settings)}/api/status"
    headers = {"Authorization": f"Bearer {settings.status.token.reveal()}"} if settings.status.token else {}
    try:
        with httpx.stream("GET", url, headers=headers, timeout=SECONDS, trust_env=False) as answer:
            content = _read(answer, url)
    except httpx.HTTPError as error:
        raise UnavailableError(f"no engine answers at {url}: {error or type(error).__name__}; does one run?") from None
    if answer.status_code != HTTP_OK:
        said = repr(content[:200].decode(errors="replace"))
        raise UnavailableError(f"{url} answers {answer.status_code}: {said}")
    return picture_of(content, url)


def _read(answer: httpx.Response, url: str) -> bytes:
    """All of it, if there is an end to it."""
    content, until = bytearray(), time.monotonic() + SECONDS
    for some in answer.iter_raw():
        content += some
        if len(content) > BYTES or time.monotonic() > until:
            raise UnavailableError(f"{url} is no engine: its answer does not end")
    return bytes(content)


def base_url(settings: Settings) -> str:
    """Where to ask."""
    if settings.status.address == "0":
        raise ConfigError('status.address = "0": engines with this configuration serve nothing that could be asked')
    host, port = split_address(settings.status.address)
    host = _ANYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def picture_of(content: bytes, url: str) -> Picture:
    """The picture in an answer; what a newer engine adds to it is passed over. Raises UnavailableError."""
    try:
        spoken = msgspec.json.decode(content, type=Version).version
        if spoken == VERSION:
            return msgspec.json.decode(content, type=Picture)
    except msgspec.MsgspecError as error:
        raise UnavailableError(f"{url} is no engine: {error}") from None
    raise UnavailableError(f"{url} speaks version {spoken} of /api/status, this command {VERSION}: use its own")
