"""`mysql://user:password@host:port/name?option=value`, read and checked."""

import ssl
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import field, frozen

from engine.errors import ConfigError

_TEXTS = ("ssl_ca", "ssl_cert", "ssl_key", "unix_socket")
_SWITCHES = ("ssl_disabled", "ssl_verify_cert", "ssl_verify_identity")
_SWITCH_VALUES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@frozen
class MysqlUrl:
    """Where the database is, and as whom to log in."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    unix_socket: str | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    tls_disabled: bool = False

    def __str__(self) -> str:
        where = self.unix_socket or f"{self.host}:{self.port}"
        return f"{where}/{self.database}"


def parse_url(url: str) -> MysqlUrl:
    """Read a database URL. Raises ConfigError naming the part that is wrong; never shows the password."""
    parts = urlsplit(url)
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name or "`" in name:
        raise ConfigError(
            "database.url: the path must be the name of the database: mysql://user:password@host:3306/name"
        )
    try:
        port = parts.port or 3306
    except ValueError:
        raise ConfigError("database.url: the port must be a number below 65536") from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(options) - {*_TEXTS, *_SWITCHES})
    if unknown:
        allowed = ", ".join((*_TEXTS, *_SWITCHES))
        raise ConfigError(f"database.url: unknown option {unknown[0]!r}; allowed are {allowed}")
    switches = {name: _switch(name, options[name]) for name in _SWITCHES if name in options}
    return MysqlUrl(
        host=parts.hostname or "127.0.0.1",
        port=port,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
        database=name,
        unix_socket=options.get("unix_socket"),
        tls=_tls(options, switches),
        tls_disabled=switches.get("ssl_disabled", False),
    )


def _switch(name: str, value: str) -> bool:
    if value.lower() not in _SWITCH_VALUES:
        raise ConfigError(f"database.url: {name} must be true or false, not {value!r}")
    return _SWITCH_VALUES[value.lower()]


def _tls(options: dict[str, str], switches: dict[str, bool]) -> ssl.SSLContext | None:
    """The TLS to insist on; None leaves it to the server whether there is any."""
    if switches.get("ssl_disabled") or not (set(options) & {"ssl_ca", "ssl_cert", "ssl_key", *_SWITCHES}):
        return None
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca"))
        if "ssl_cert" in options:
            context.load_cert_chain(options["ssl_cert"], options.get("ssl_key"))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"database.url: the certificate files cannot be read: {error}") from None
    # MySQL makes its own certificates in an old form, and without host names.
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    context.check_hostname = switches.get("ssl_verify_identity", False)
    if not context.check_hostname and not switches.get("ssl_verify_cert", "ssl_ca" in options):
        context.verify_mode = ssl.CERT_NONE
    return context
