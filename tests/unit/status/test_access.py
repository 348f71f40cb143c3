"""Who may see what: names on loopback, the token beyond it, and what a browser does by itself."""

from base64 import b64encode

import pytest

from adapters.status.access import Access, name_in

TOKEN = "0123456789abcdef"
BEARER = {"authorization": f"Bearer {TOKEN}"}
BASIC = {"authorization": "Basic " + b64encode(f"anybody:{TOKEN}".encode()).decode()}
LOCAL = {"host": "127.0.0.1:8787"}


def code(access: Access, method: str, path: str, headers: dict[str, str]) -> int:
    """The status code of the refusal; 200 where there is none."""
    refusal = access.refusal(method, path, headers)
    return 200 if refusal is None else refusal.code


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", 200), ("127.0.0.1:8787", 200), ("localhost:80", 200), ("LocalHost", 200), ("[::1]:8787", 200),
        ("engine.localhost:8787", 200), ("", 403), ("evil.example", 403), ("evil.example:8787", 403),
        ("127.0.0.1.evil.example", 403), ("127.0.0.1:8787@evil.example", 403), ("::1", 403), ("[::2]", 403),
        ("localhost:8787/evil", 403), ("localhost ", 403), ("10.0.0.1:8787", 403),
    ],
)  # fmt: skip
def test_on_loopback_only_our_own_names_are_answered(host: str, expected: int) -> None:
    """A stranger's name that points here is not, whatever it looks like; the configured one is."""
    access = Access("engine.localhost", is_loopback=True, token=None)
    assert code(access, "GET", "/api/status", {"host": host}) == expected


def test_the_name_is_read_as_browsers_write_it() -> None:
    """In small letters, without brackets and port."""
    assert [name_in(host) for host in ("A.b:1", "[FE80::1]:2", "a:b:c", "[]")] == ["a.b", "fe80::1", "", ""]


def test_changing_something_needs_the_token_everywhere() -> None:
    """Without one configured nobody may; with it only who says it himself: a browser adds Basic by itself."""
    for is_loopback in (True, False):
        access = Access("127.0.0.1", is_loopback=is_loopback, token=TOKEN)
        assert code(access, "POST", "/api/dead-letters/1/retry", LOCAL | BEARER) == 200
        for headers in ({}, BASIC, {"authorization": "Bearer x"}, {"authorization": TOKEN}):
            assert code(access, "POST", "/api/dead-letters/1/retry", LOCAL | headers) == 401
    assert code(Access("127.0.0.1", is_loopback=True, token=None), "POST", "/x", LOCAL | BEARER) == 403
    assert code(Access("127.0.0.1", is_loopback=True, token=TOKEN), "POST", "/x", {"host": "evil"} | BEARER) == 403
    assert code(Access("127.0.0.1", is_loopback=True, token=None), "POST", "/healthz", LOCAL) == 403


def test_beyond_loopback_everything_but_the_probes_needs_the_token() -> None:
    """As Bearer, or as the password of any user; then no name matters."""
    access = Access("0.0.0.0", is_loopback=False, token=TOKEN)
    for path in ("/healthz", "/readyz"):
        assert code(access, "GET", path, {"host": "10.0.0.1"}) == 200
    for path in ("/", "/metrics", "/api/status", "/healthz/", "/static/page.js"):
        assert code(access, "GET", path, {}) == 401
        assert code(access, "GET", path, {"host": "any.example"} | BEARER) == 200
        assert code(access, "HEAD", path, BASIC) == 200
    asked = [access.refusal(method, "/", {"authorization": "Basic eA=="}) for method in ("GET", "POST")]
    assert [refusal is not None and refusal.asks for refusal in asked] == [True, False]


@pytest.mark.parametrize(
    "given", ["Basic", "Basic !", "Basic /w==", "Basic eDp5", "Bearer", f"bearer{TOKEN}", "Bearer é"]
)
def test_what_is_no_token_is_refused(given: str) -> None:
    """However it is broken; nothing of it makes a mistake of ours."""
    access = Access("0.0.0.0", is_loopback=False, token=TOKEN)
    assert code(access, "GET", "/", {"authorization": given}) == 401
