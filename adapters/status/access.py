"""Who may see what: by the name under which the page is asked for, and by the token. Pure.

On loopback everybody on the machine may look. What must be kept out is a page of a stranger in somebody's browser,
whose own name was made to point at 127.0.0.1: it asks for its own name, so that only ours are answered. Beyond
loopback nothing is shown without the token, which a browser asks its user for; no name has to be known then.
"""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from secrets import compare_digest
from typing import NamedTuple

from attrs import frozen

PROBES = frozenset({"/healthz", "/readyz"})
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE = frozenset({"GET", "HEAD"})
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?")


class Refusal(NamedTuple):
    """A status code and the reason; `asks` for the token in the way that browsers know, but not where the page does."""

    code: int
    reason: str
    asks: bool = False


@frozen
class Access:
    """What is served where: the configured host, whether only this machine reaches it, and the token."""

    host: str
    is_loopback: bool
    token: str | None

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> Refusal | None:
        """Why a request is not answered; None where it is."""
        if path in PROBES and method in SAFE:
            return None
        if self.is_loopback:
            name = name_in(headers.get("host", ""))
            if name not in LOCAL_NAMES and name != self.host.lower():
                return Refusal(403, "this name is not the engine's: use the address it is served at")
        elif not self._is_known(headers, also_basic=method in SAFE):
            return Refusal(401, "the token of status.token is needed", asks=method in SAFE)
        if method in SAFE:
            return None
        if self.token is None:
            return Refusal(403, "this needs a token, and status.token is not set")
        return None if self._is_known(headers, also_basic=False) else Refusal(401, "wrong or missing token")

    def _is_known(self, headers: Mapping[str, str], *, also_basic: bool) -> bool:
        """A browser adds Basic by itself, also to what a stranger's page sends: it never changes anything."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic" and also_basic:
            given = _password(given)
        elif scheme.lower() != "bearer":
            return False
        return self.token is not None and compare_digest(given.strip().encode(), self.token.encode())


def name_in(host: str) -> str:
    """The name in a Host header, without port and brackets; empty where it is none."""
    found = _HOST.fullmatch(host)
    return "" if found is None else (found["v6"] or found["name"]).lower()


def _password(given: str) -> str:
    try:
        return b64decode(given, validate=True).decode().partition(":")[2]
    except (Error, ValueError):
        return ""
