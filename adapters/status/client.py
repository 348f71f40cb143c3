"""Asks a running engine for its picture, over HTTP."""

import httpx
import msgspec

from engine.errors import ConfigError, UnavailableError
from engine.picture import VERSION, Picture
from engine.settings import Settings
from engine.settings.allowed import split_address

SECONDS = 5.0
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
        answer = httpx.get(url, headers=headers, timeout=SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise UnavailableError(f"no engine answers at {url}: {error or type(error).__name__}; does one run?") from None
    if answer.status_code != HTTP_OK:
        raise UnavailableError(f"{url} answers {answer.status_code}: {answer.text[:200]}")
    return picture_of(answer.content, url)


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
