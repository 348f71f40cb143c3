"""Where downloads may lead, and what is said of them."""

import pytest

from adapters.lookups.download import http_date, redirected, seconds_of, shown
from engine.errors import UnavailableError

PROVIDER = "https://download.example/a/b"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://storage.example/x?signature=1", "https://storage.example/x?signature=1"),
        ("/c", "https://download.example/c"),
        ("c", "https://download.example/a/c"),
        ("//storage.example/x", "https://storage.example/x"),
    ],
)
def test_redirects_that_are_followed(location: str, target: str) -> None:
    """From https to https, to a host with a name."""
    assert redirected(PROVIDER, location) == target


@pytest.mark.parametrize(
    "location",
    [
        "",
        "http://download.example/c",
        "http://127.0.0.1/c",
        "https://127.0.0.1/c",
        "https://localhost/c",
        "https://a.localhost/c",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/c",
        "https://127.1/c",
        "https://10.0.0.1:6379/",
        "https://[::1]/c",
        "https://[fd00::1]/c",
        "https://[/c",
        "https://user:password@storage.example/c",
        "https://:443/c",
        "file:///etc/passwd",
        "ftp://storage.example/c",
    ],
)
def test_redirects_that_are_not_followed(location: str) -> None:
    """Nothing unencrypted, nothing inside of our network, nothing that is no web address."""
    with pytest.raises(
        UnavailableError, match=r"^https://download\.example/a/b: redirects to .*, which is not followed"
    ):
        redirected(PROVIDER, location)


@pytest.mark.parametrize("location", ["https://storage.example/c", "http://storage.example/c", "http://10.0.0.1/c"])
def test_this_machine_redirects_to_itself_only(location: str) -> None:
    """A mirror on loopback leads nowhere else."""
    assert redirected("http://127.0.0.1:1/a", "http://127.0.0.1:2/b") == "http://127.0.0.1:2/b"
    with pytest.raises(UnavailableError):
        redirected("http://127.0.0.1:1/a", location)


def test_what_is_shown_of_a_url() -> None:
    """Neither query nor user, nor all of something long."""
    assert shown("https://a.example/x?token=secret#y") == "https://a.example/x"
    assert "secret" not in shown("https://user:secret@a.example/x")
    assert len(shown("https://a.example/" + "x" * 5000)) == 200


def test_moments() -> None:
    """A moment survives being written as HTTP does; what is none is None."""
    assert http_date(784_111_777.9) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert seconds_of("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777
    assert [seconds_of(text) for text in ("", "yesterday", "Sun, 99 Nov 1994 08:49:37 GMT")] == [None] * 3
