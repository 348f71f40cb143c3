"""Values that must not be seen: a text that does not show itself, and URLs without their passwords."""

import re
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

MASK = "***"

# Greedy to the last "@", so that a password with an unescaped "/", "#" or "@" is hidden as a whole; the scheme may be
# missing, for a URL that is written wrongly ends up in a message.
_USERINFO = re.compile(r"\A(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)?(?P<user>[^:@/?#]*:)?.*@", re.DOTALL)
_QUERY = re.compile(r"(?i)(?P<key>[?&;][^=&;]*(?:password|passwd|pwd|secret|token|key)[^=&;]*=)[^&;#]*")


@frozen
class Secret:
    """A text that shows itself only when asked to: `reveal()`. str, repr and format give `***`."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        """The text itself; never for a log, a message or a page."""
        return self._text

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"


def redact_url(url: object) -> str:
    """The URL with password, and any secret of its query, as `***`; a lone user name is hidden too."""
    text = _USERINFO.sub(lambda found: f"{found['scheme'] or ''}{found['user'] or ''}{MASK}@", str(url))
    return _QUERY.sub(lambda found: f"{found['key']}{MASK}", text)


def passwords_in(url: str) -> frozenset[str]:
    """What `redact_url` hides in a well-formed URL, as it is written and as it is meant (percent signs decoded)."""
    hidden = {found.group().split("=", 1)[1] for found in _QUERY.finditer(url)}
    hidden.add(urlsplit(url).password or "")
    return frozenset(text for raw in hidden for text in (raw, unquote(raw)) if text)
