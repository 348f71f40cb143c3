"""The URL of a MySQL database."""

import ssl
from pathlib import Path

import pytest

from adapters.sinks.mysql_url import parse_url
from engine.errors import ConfigError


def test_everything_in_the_url_is_read() -> None:
    """User and password are percent-decoded; the password never shows."""
    url = parse_url("mysql://eng%40ine:p%3Aw%C3%A4@db.example:3307/botnet?unix_socket=/run/x.sock&ssl_disabled=true")
    assert (url.host, url.port, url.user, url.password, url.database) == (
        "db.example",
        3307,
        "eng@ine",
        "p:wä",
        "botnet",
    )
    assert url.unix_socket == "/run/x.sock"
    assert url.tls_disabled
    assert "p:wä" not in repr(url) + str(url)


def test_what_the_url_leaves_out_has_defaults() -> None:
    """Loopback, MySQL's port, root without a password, TLS as the server likes."""
    url = parse_url("mysql:///botnet")
    assert (url.host, url.port, url.user, url.password, url.tls) == ("127.0.0.1", 3306, "root", "", None)
    assert str(url) == "127.0.0.1:3306/botnet"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://h", "name of the database"),
        ("mysql://h/", "name of the database"),
        ("mysql://h/a/b", "name of the database"),
        ("mysql://h/a%60b", "name of the database"),
        ("mysql://h:99999/a", "port"),
        ("mysql://u:secret@h/a?sslca=x", "unknown option 'sslca'; allowed are ssl_ca"),
        ("mysql://h/a?ssl_disabled=maybe", "true or false"),
        ("mysql://h/a?ssl_ca=/does/not/exist", "certificate files"),
    ],
)
def test_what_is_wrong_is_named(url: str, message: str) -> None:
    """One line that says which part, and never the password."""
    with pytest.raises(ConfigError, match=message) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "mode", "host_checked"),
    [
        ("ssl_verify_identity=true", ssl.CERT_REQUIRED, True),
        ("ssl_verify_cert=true", ssl.CERT_REQUIRED, False),
        ("ssl_verify_cert=false", ssl.CERT_NONE, False),
        ("ssl_ca={ca}", ssl.CERT_REQUIRED, False),
        ("ssl_ca={ca}&ssl_verify_identity=yes", ssl.CERT_REQUIRED, True),
    ],
)
def test_tls_checks_what_it_is_told_to(options: str, mode: ssl.VerifyMode, *, host_checked: bool) -> None:
    """A CA means that the certificate is verified; the host's name is verified on request."""
    known = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    if "{ca}" in options and not Path(known).exists():
        pytest.skip("no certificates on this machine")
    context = parse_url("mysql://h/a?" + options.format(ca=known)).tls
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (mode, host_checked)
