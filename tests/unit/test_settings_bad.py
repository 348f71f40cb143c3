"""Settings that cannot work, each with the exact message it must give."""
# ruff: noqa: E501 -- a message and what causes it stand on one line

from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.settings import load

WORKER_KEYS = (
    "enabled, worker_count, enricher_concurrent, enricher_cache_size, enricher_cache_ttl, db_batch_size, "
    "db_concurrent, max_retries, retry_delay, queue_timeout"
)
SOURCE_KEYS = (
    "name, url, api_key, api_key_file, api_key_env, timezone, pull_interval_seconds, pull_limit, timeout_seconds, "
    "confirm_quarantine_seconds, verify_tls, ca_file, enabled"
)
ADDRESSES = "HOST:PORT such as 127.0.0.1:8787 or [::1]:8787 (port 0: a free one), or 0 for nowhere"
CLOSED = "an address of loopback, or a status.token that they must present"
SECTIONS = "engine, worker, queue, database, enrichment, lookup, geo, acceptance, status, log, source"
QUEUES = "redis://, rediss://, unix://, redis+cluster://, rediss+cluster://, redis+sentinel://, rediss+sentinel://, sqlite:///FILE or memory://"
DATABASES = "mysql://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:///FILE"
COLLECTORS = "http://HOST:PORT or https://HOST:PORT"
NAMES = "1 to 64 letters, digits, dots, hyphens or underscores"
MOMENTS = "a past date YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS in UTC"
ENCODED = "host or port is not well-formed (a password with special characters must be percent-encoded)"


def source(line: str, name: str = "a", url: str = "http://127.0.0.1:1") -> str:
    """Write a source with one more line."""
    return f'[[source]]\nname = "{name}"\nurl = "{url}"\n{line}\n'


IN_FILE = [
    ("[worker]\nworker_count = 0", "worker.worker_count = 0: too small; allowed: a whole number from 1 to 1000"),
    ("[worker]\nworker_count = 5000", "worker.worker_count = 5000: too large; allowed: a whole number from 1 to 1000"),
    ('[worker]\nworker_count = "4"', "worker.worker_count = '4': not a whole number; allowed: a whole number from 1 to 1000"),
    ("[worker]\nworker_count = true", "worker.worker_count = true: not a whole number; allowed: a whole number from 1 to 1000"),
    ("[worker]\nmax_retries = 1.5", "worker.max_retries = 1.5: not a whole number; allowed: a whole number from 1 to 1000"),
    ("[worker]\nenabled = 1", "worker.enabled = 1: not true or false; allowed: true or false"),
    ("[worker]\nenabled = 'yes'", "worker.enabled = 'yes': not true or false; allowed: true or false"),
    ("[worker]\nretry_delay = 0", "worker.retry_delay = 0: too small; allowed: seconds, above 0, at most 86400"),
    ("[worker]\nretry_delay = nan", "worker.retry_delay = nan: not a finite number; allowed: seconds, above 0, at most 86400"),
    ("[worker]\nqueue_timeout = inf", "worker.queue_timeout = inf: not a finite number; allowed: seconds, above 0, at most 3600"),
    ("[worker]\nretry_delay = 90", "worker.retry_delay = 90: not at most queue.lease_seconds (default 60); allowed: at most 60"),
    ("[queue]\nlease_seconds = 2", "queue.lease_seconds = 2: not at least worker.retry_delay (default 5); allowed: at least 5"),
    ("[worker]\nworker_cont = 2", f"worker.worker_cont: unknown key (did you mean worker_count?); allowed: {WORKER_KEYS}"),
    ("[worker]\nfnord = 2", f"worker.fnord: unknown key; allowed: {WORKER_KEYS}"),
    ("[qeue]\nurl = 'memory://'", f"[qeue]: unknown section (did you mean queue?); allowed: {SECTIONS}"),
    ("[[sources]]\nname = 'a'", f"[sources]: unknown section (did you mean source?); allowed: {SECTIONS}"),
    ("[status]\naddress = '8787'", f"status.address = '8787': not HOST:PORT; allowed: {ADDRESSES}"),
    ("[status]\naddress = 'a b:1'", f"status.address = 'a b:1': not HOST:PORT; allowed: {ADDRESSES}"),
    (
        "[status]\naddress = '[::1]:65536'",
        f"status.address = '[::1]:65536': port is not between 0 and 65535; allowed: {ADDRESSES}",
    ),
    ("[status]\naddress = '0.0.0.0:8787'", f"status.address = '0.0.0.0:8787': others reach it; allowed: {CLOSED}"),
    ("[status]\naddress = 'engine.example:1'", f"status.address = 'engine.example:1': others reach it; allowed: {CLOSED}"),
    ("[status]\nstall_seconds = 0", "status.stall_seconds = 0: too small; allowed: seconds, above 0, at most 86400"),
    ("worker = 4", "worker: not a section; allowed: [worker] and its keys below"),
    ("[engine]\nshutdown_grace_seconds = 0.5", "engine.shutdown_grace_seconds = 0.5: too small; allowed: seconds, from 1 to 86400"),
    ("[engine]\nname = 'a b'", f"engine.name = 'a b': not a name; allowed: {NAMES}"),
    (
        "[queue]\nhigh_watermark = 100\nlow_watermark = 100",
        "queue.low_watermark = 100: not below queue.high_watermark = 100; allowed: below 100",
    ),
    ("[queue]\nhigh_watermark = 10", "queue.high_watermark = 10: not above queue.low_watermark (default 5000); allowed: above 5000"),
    ("[queue]\nurl = 'http://h/0'", f"queue.url = 'http://h/0': scheme 'http' is not supported; allowed: {QUEUES}"),
    ("[queue]\nurl = 'reds://h/0'", f"queue.url = 'reds://h/0': scheme 'reds' is not supported (did you mean redis?); allowed: {QUEUES}"),
    ("[queue]\nurl = 'h:6379'", f"queue.url = 'h:6379': not a URL; allowed: {QUEUES}"),
    ("[queue]\nurl = 'redis://h:99999/0'", f"queue.url = 'redis://h:99999/0': port is not between 1 and 65535; allowed: {QUEUES}"),
    ("[queue]\nurl = 'redis:///0'", f"queue.url = 'redis:///0': {ENCODED}; allowed: {QUEUES}"),
    ("[queue]\nurl = 'redis://[::1/0'", f"queue.url = 'redis://[::1/0': not a URL; allowed: {QUEUES}"),
    ("[queue]\nurl = 'redis://u:gehe/im@h/0'", f"queue.url = 'redis://u:***@h/0': {ENCODED}; allowed: {QUEUES}"),
    ("[queue]\nurl = 'u:gehe im@h'", f"queue.url = 'u:***@h': has blanks or control characters; allowed: {QUEUES}"),
    ("[queue]\nurl = 'sqlite://queue.db'", f"queue.url = 'sqlite://queue.db': names no file (three slashes); allowed: {QUEUES}"),
    ("[queue]\nurl = 6379", f"queue.url = 6379: not a text; allowed: {QUEUES}"),
    ("[database]\nurl = 'mysql://u:geheim@h:3306'", f"database.url = 'mysql://u:***@h:3306': names no database; allowed: {DATABASES}"),
    (
        "[database]\nurl = 'postgres://u:geheim@h/d'",
        f"database.url = 'postgres://u:***@h/d': scheme 'postgres' is not supported; allowed: {DATABASES}",
    ),
    (
        "[database]\nurl = 'sqlite:///e.db'\nurl_file = 'x'",
        "database.url: given twice; allowed: one of url, url_file",
    ),
    ("[database]\nurl_file = 'gone'", "database.url_file = 'gone': cannot be read: No such file or directory; allowed: a file that holds only the secret"),
    ("[database]\nurl_env = 'GONE'", "database.url_env = 'GONE': no such variable is set; allowed: the name of an environment variable"),
    ("[database]\nurl_file = 5", "database.url_file = 5: not a text; allowed: the name of a file"),
    ("[enrichment]\nmmdb = ['gone.mmdb']", "enrichment.mmdb = 'gone.mmdb': no such file; allowed: the name of a file"),
    ("[enrichment]\nmmdb = 'city.mmdb'", "enrichment.mmdb = 'city.mmdb': not a list; allowed: a list of file names"),
    ("[enrichment]\nmmdb = ['']", "enrichment.mmdb = ['']: not a file name; allowed: a list of file names"),
    ("[acceptance]\nearliest = 2999-01-01", f"acceptance.earliest = 2999-01-01: in the future; allowed: {MOMENTS}"),
    ("[acceptance]\nearliest = 'soon'", f"acceptance.earliest = 'soon': not a date; allowed: {MOMENTS}"),
    ("[acceptance]\nearliest = 2000", f"acceptance.earliest = 2000: not a date; allowed: {MOMENTS}"),
    (
        "[acceptance]\nbotnet_types = ['ramnit', 'a\\n']".replace("'", '"'),
        "acceptance.botnet_types = ['ramnit', 'a\\n']: 'a\\n' is not a botnet type; allowed: a list of types of 1 to 40 characters a-z, 0-9 and _",
    ),
    ("[log]\nlevel = 'INFO'", "log.level = 'INFO': unknown; allowed: debug | info | warning | error"),
    ("[log]\nformat = 'jsn'", "log.format = 'jsn': unknown (did you mean json?); allowed: auto | console | json"),
    ("source = 'http://h'", "source: not a list of tables; allowed: [[source]] (two brackets) for each source"),
    ("[source]\nname = 'a'", "source: not a list of tables; allowed: [[source]] (two brackets) for each source"),
    ("source = ['http://h']", "source[1]: not a table; allowed: [[source]] for each source"),
    ("[[source]]\nname = 'a'", "source.a.url: missing; every source needs a name and a url"),
    ("[[source]]\nurl = 'http://h'", "source[1].name: missing; every source needs a name and a url"),
    (source("", name="a b"), f"source[1].name = 'a b': not a name; allowed: {NAMES}"),
    (source("", url="ftp://h"), f"source.a.url = 'ftp://h': scheme 'ftp' is not supported; allowed: {COLLECTORS}"),
    (source("", url="http://u:geheim@h"), f"source.a.url = 'http://u:***@h': holds a user name; keys belong in api_key; allowed: {COLLECTORS}"),
    (source("", url="http://h/?key=geheim"), f"source.a.url = 'http://h/?key=***': has a query or fragment; allowed: {COLLECTORS}"),
    (source("timezone = 'Asia/Shangai'"), "source.a.timezone = 'Asia/Shangai': unknown timezone (did you mean Asia/Shanghai?); allowed: an IANA name such as UTC or Asia/Shanghai"),
    (source("timezone = '../etc/passwd'"), "source.a.timezone = '../etc/passwd': unknown timezone; allowed: an IANA name such as UTC or Asia/Shanghai"),
    (source("pull_limit = 6000"), "source.a.pull_limit = 6000: too large; allowed: a whole number from 1 to 5000"),
    (source("timeout_seconds = 0"), "source.a.timeout_seconds = 0: too small; allowed: seconds, above 0, at most 3600"),
    (source("api_key = 'geheim\\n'".replace("'", '"')), "source.a.api_key = ***: has characters no header can carry; allowed: visible ASCII characters without blanks"),
    (source("api_key = ''"), "source.a.api_key = ***: empty; allowed: visible ASCII characters without blanks"),
    (source("api_key = 12345"), "source.a.api_key = ***: not a text; allowed: visible ASCII characters without blanks"),
    (source("apikey = 'geheim'"), f"source.a.apikey: unknown key (did you mean api_key?); allowed: {SOURCE_KEYS}"),
    (source("ca_file = 'gone.pem'"), "source.a.ca_file = 'gone.pem': no such file; allowed: the name of a file"),
    (source("") + source("", url="http://h"), "source.a.name = 'a': given twice; allowed: another name"),
    (source("") + source("", name="b", url="http://127.0.0.1:1/"), "source.b.url = 'http://127.0.0.1:1/': also the url of source.a; allowed: one source per collector"),
    ("[worker\n", "not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 8)"),
    ("[worker]\nworker_count = = 3", "not valid TOML: Invalid value (at line 2, column 16)"),
    ("x = '''a\nb", "not valid TOML: Expected \"'''\" (at line 2, column 2)"),
    ('x = "\udcff"', "not valid TOML: not UTF-8 (at line 1, column 6)"),
    ("x = " + "9" * 5000, "not valid TOML: a number is too long, or lists are nested too deeply"),
    ("x = " + "[" * 5000, "not valid TOML: a number is too long, or lists are nested too deeply"),
    ("[worker]\nworker_count = 0x" + "f" * 5000, "worker.worker_count = a number of thousands of digits: too large; allowed: a whole number from 1 to 1000"),
    ("[worker]\nretry_delay = 0x" + "f" * 5000, "worker.retry_delay = a number of thousands of digits: too large; allowed: seconds, above 0, at most 86400"),
]  # fmt: skip

IN_ENVIRONMENT = [
    ({"INTERNAL_WORKER_COUNT": "many"}, "worker.worker_count = 'many': not a whole number; allowed: a whole number from 1 to 1000"),
    ({"WORKER_MAX_RETRIES": "1_0"}, "worker.max_retries = '1_0': not a whole number; allowed: a whole number from 1 to 1000"),
    ({"WORKER_RETRY_DELAY": "nan"}, "worker.retry_delay = 'nan': not a number; allowed: seconds, above 0, at most 86400"),
    ({"WORKER_RETRY_DELAY": "1e999"}, "worker.retry_delay = '1e999': not a finite number; allowed: seconds, above 0, at most 86400"),
    ({"QUEUE_MODE_ENABLED": "nope"}, "queue.enabled = 'nope': not true or false; allowed: true or false"),
    ({"ENGINE_WORKER__WORKER_COUNT": "\uff10"}, "worker.worker_count = '\uff10': not a whole number; allowed: a whole number from 1 to 1000"),
    ({"ENGINE_QUEUE__URL_FILE": "gone"}, "queue.url_file = 'gone': cannot be read: No such file or directory; allowed: a file that holds only the secret"),
    ({"ENGINE_ACCEPTANCE__BOTNET_TYPES": "a,B"}, "acceptance.botnet_types = 'a,B': 'B' is not a botnet type; allowed: a list of types of 1 to 40 characters a-z, 0-9 and _"),
    ({"ENGINE_QUEUE_URL": "memory://"}, "unknown variable (did you mean ENGINE_QUEUE__URL?)"),
    ({"ENGINE_X": "1"}, "unknown variable"),
    ({"ENGINE_SOURCE_B__API_KEY": "geheim"}, "fits no source; allowed: ENGINE_SOURCE_<NAME>__<KEY>"),
    ({"ENGINE_CONFIG": "gone.toml"}, "no such file; python -m engine init writes one"),
]  # fmt: skip


def errors(
    folder: Path,
    *,
    environ: dict[str, str] | None = None,
    options: dict[str, object] | None = None,
    preset: str | None = None,
) -> str:
    """Load what cannot be loaded, and return the message."""
    with pytest.raises(ConfigError) as caught:
        load(options or {}, environ or {}, folder, preset=preset)
    return str(caught.value)


@pytest.mark.parametrize(("text", "message"), IN_FILE)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    """The message names the file, the key, the value, what is wrong and what is allowed; and nothing secret."""
    (tmp_path / "engine.toml").write_text(text, errors="surrogateescape")
    said = errors(tmp_path)
    assert said == f"engine.toml: {message}"
    assert "geheim" not in said
    assert "gehe" not in said


@pytest.mark.parametrize(("environ", "message"), IN_ENVIRONMENT)
def test_bad_environments(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    """The message names the variable it came from."""
    (variable,) = environ
    origin = "gone.toml" if variable == "ENGINE_CONFIG" else variable
    said = errors(tmp_path, environ=environ)
    assert said == f"{origin}: {message}"
    assert "geheim" not in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"worker.worker_count": 0}, "worker.worker_count = 0: too small; allowed: a whole number from 1 to 1000"),
        ({"log.format": "xml"}, "log.format = 'xml': unknown; allowed: auto | console | json"),
        ({"worker.speed": 1}, "worker.speed: unknown setting"),
        ({"source": [{"name": "a"}]}, "source.a.url: missing; every source needs a name and a url"),
    ],
)
def test_bad_options(tmp_path: Path, options: dict[str, object], message: str) -> None:
    """The message says that it came from the command line."""
    assert errors(tmp_path, options=options) == f"command line: {message}"


def test_bad_preset(tmp_path: Path) -> None:
    """An unknown preset is answered with those there are."""
    expected = "command line: preset = 'hihg': unknown (did you mean high?); allowed: low | medium | high"
    assert errors(tmp_path, preset="hihg") == expected


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """One start shows every mistake of file, environment and options, a line each."""
    (tmp_path / "engine.toml").write_text("[worker]\nworker_count = 0\n[qeue]\n[[source]]\nname = 'a'\nurl = 'x'\n")
    said = errors(tmp_path, environ={"WORKER_MAX_RETRIES": "x", "ENGINE_X": "1"}, options={"log.level": "loud"})
    assert [line.split(" ")[0] for line in said.splitlines()] == [
        "ENGINE_X:", "engine.toml:", "engine.toml:", "WORKER_MAX_RETRIES:", "command", "engine.toml:",
    ]  # fmt: skip


def test_one_variable_for_two_sources(tmp_path: Path) -> None:
    """Names that differ in signs only cannot be told apart by a variable; without one they may be used."""
    (tmp_path / "engine.toml").write_text(source("", name="a-b") + source("", name="a.b", url="http://127.0.0.1:2"))
    assert [found.name for found in load({}, {}, tmp_path).sources] == ["a-b", "a.b"]
    said = errors(tmp_path, environ={"ENGINE_SOURCE_A_B__PULL_LIMIT": "5"})
    assert said == (
        "ENGINE_SOURCE_A_B__PULL_LIMIT: fits the sources a-b and a.b; allowed: names that differ in letters or digits"
    )


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """Only engine.toml in the current folder may be missing."""
    with pytest.raises(ConfigError, match=r"^other\.toml: no such file; python -m engine init writes one$"):
        load({}, {}, tmp_path, config=Path("other.toml"))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder in the place of the file is said to be one."""
    (tmp_path / "engine.toml").mkdir()
    assert errors(tmp_path) == "engine.toml: cannot be read: Is a directory"


def test_a_secret_file_that_is_none(tmp_path: Path) -> None:
    """What is not text is no secret, and what is in a wrong file is not shown."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    said = errors(tmp_path, environ={"ENGINE_QUEUE__URL_FILE": "binary"})
    assert said.endswith(
        "queue.url_file = 'binary': cannot be read: is not a text file; allowed: a file that holds only the secret"
    )
    (tmp_path / "wrong").write_text("geheim")
    said = errors(tmp_path, environ={"ENGINE_QUEUE__URL_FILE": "wrong"})
    assert said == f"ENGINE_QUEUE__URL_FILE: queue.url = ***: not a URL; allowed: {QUEUES}"
