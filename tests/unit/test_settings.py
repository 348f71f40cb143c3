"""Settings: where values come from, which wins, and what they become."""

import re
import stat
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.settings import PRESETS, Secret, Settings, catalogue, commented_config, load, redact_url, require

SOURCE = '[[source]]\nname = "sinkhole-1"\nurl = "http://127.0.0.1:8888"\n'

ISSUE = """
[engine]
shutdown_grace_seconds = 10
[worker]
worker_count = 4
[queue]
url = "redis://127.0.0.1:6379/0"
high_watermark = 10000          # batches waiting; the fetcher pauses here …
low_watermark = 5000            # … until here
lease_seconds = 60
[database]
url = "mysql://user:password@127.0.0.1:3306/botnet"
[enrichment]
mmdb = ["GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb"]
[[source]]
name = "sinkhole-1"
url = "http://127.0.0.1:8888"
api_key = "secret"
timezone = "Asia/Shanghai"
pull_interval_seconds = 10
pull_limit = 5000
timeout_seconds = 30
verify_tls = true
enabled = true
"""


def read(folder: Path, text: str = "", environ: dict[str, str] | None = None, **options: object) -> Settings:
    """Load a file of this text; options are written with `__` for the dot."""
    (folder / "engine.toml").write_text(text)
    return load({key.replace("__", "."): value for key, value in options.items()}, environ or {}, folder)


def test_a_whole_file(tmp_path: Path) -> None:
    """A real configuration becomes typed values."""
    for name in ("GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb"):
        (tmp_path / name).touch()
    settings = read(tmp_path, ISSUE)
    (source,) = settings.sources
    assert settings.worker.worker_count == 4
    assert settings.queue.url == "redis://127.0.0.1:6379/0"
    assert settings.enrichment.mmdb == (Path("GeoLite2-City.mmdb"), Path("GeoLite2-ASN.mmdb"))
    assert (source.name, source.url, source.pull_interval_seconds) == ("sinkhole-1", "http://127.0.0.1:8888", 10.0)
    assert source.api_key == Secret("secret")
    assert source.zone == ZoneInfo("Asia/Shanghai")
    assert settings.file == Path("engine.toml")
    assert settings.warnings == ()
    assert not settings.is_demo


def test_defaults_are_those_people_know(tmp_path: Path) -> None:
    """Without any configuration the defaults of the former system hold, with embedded files as stores."""
    settings = load({}, {}, tmp_path)
    worker = settings.worker
    assert (worker.enabled, worker.worker_count, worker.enricher_concurrent) == (True, 1, 20)
    assert (worker.enricher_cache_size, worker.enricher_cache_ttl, worker.db_batch_size) == (10_000, 86_400.0, None)
    assert (worker.max_retries, worker.retry_delay, worker.queue_timeout) == (3, 5.0, 1.0)
    assert (settings.queue.url, settings.database.url) == ("sqlite:///engine-queue.db", "sqlite:///engine.db")
    assert settings.acceptance.earliest == "2000-01-01 00:00:00"
    assert (settings.file, settings.sources, settings.configured, settings.warnings) == (None, (), frozenset(), ())
    assert settings == Settings()


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("INTERNAL_WORKER_ENABLED", "false", "worker.enabled", False),
        ("INTERNAL_WORKER_COUNT", "4", "worker.worker_count", 4),
        ("WORKER_ENRICHER_CONCURRENT", "50", "worker.enricher_concurrent", 50),
        ("WORKER_ENRICHER_CACHE_SIZE", "1", "worker.enricher_cache_size", 1),
        ("WORKER_ENRICHER_CACHE_TTL", "3600", "worker.enricher_cache_ttl", 3600.0),
        ("WORKER_DB_BATCH_SIZE", "100", "worker.db_batch_size", 100),
        ("WORKER_MAX_RETRIES", "5", "worker.max_retries", 5),
        ("WORKER_RETRY_DELAY", "0.5", "worker.retry_delay", 0.5),
        ("WORKER_QUEUE_TIMEOUT", "2", "worker.queue_timeout", 2.0),
        ("QUEUE_MODE_ENABLED", "0", "queue.enabled", False),
        ("ENGINE_QUEUE__URL", "redis+cluster://a:1,b:2/0", "queue.url", "redis+cluster://a:1,b:2/0"),
        ("ENGINE_ENRICHMENT__MMDB", "", "enrichment.mmdb", ()),
        ("ENGINE_ACCEPTANCE__BOTNET_TYPES", "ramnit, mozi,", "acceptance.botnet_types", ("ramnit", "mozi")),
        ("ENGINE_ACCEPTANCE__EARLIEST", "2020-02-01T08:00:00+08:00", "acceptance.earliest", "2020-02-01 00:00:00"),
        ("ENGINE_LOG__FILE", "", "log.file", ""),
        ("ENGINE_QUEUE__NAME", "", "queue.name", "default"),
        ("ENGINE_QUEUE__URL_FILE", "", "queue.url", "sqlite:///engine-queue.db"),
        ("WORKER_DB_BATCH_SIZE", "", "worker.db_batch_size", None),
    ],
)
def test_environment(tmp_path: Path, variable: str, text: str, key: str, value: object) -> None:
    """Former and new names are read; an empty variable is none, unless an empty text means something."""
    settings = load({}, {variable: text}, tmp_path)
    section, _, name = key.partition(".")
    assert getattr(getattr(settings, section), name) == value


@pytest.mark.parametrize("word", ["true", "1", "yes", "on", "TRUE", "On", " true ", "false", "0", "no", "off", "False"])
def test_switches_in_the_environment(tmp_path: Path, word: str) -> None:
    """Switches may be spelled in all usual ways."""
    settings = load({}, {"ENGINE_LOG__FILE": "", "INTERNAL_WORKER_ENABLED": word}, tmp_path)
    assert settings.worker.enabled is (word.strip().lower() in {"true", "1", "yes", "on"})


def test_precedence(tmp_path: Path) -> None:
    """Options win over the environment, that over the file, that over the preset, that over the default."""
    (tmp_path / "engine.toml").write_text("[worker]\nworker_count = 5\nenricher_concurrent = 6\n")
    environ = {"INTERNAL_WORKER_COUNT": "7"}
    worker = load({"worker.worker_count": "8", "log.level": None}, environ, tmp_path, preset="high").worker
    assert (worker.worker_count, worker.enricher_concurrent, worker.db_batch_size) == (8, 6, 500)
    assert load({}, environ, tmp_path, preset="high").worker.worker_count == 7
    assert load({}, {}, tmp_path, preset="high").worker.worker_count == 5
    assert load({}, {}, tmp_path.parent, preset="high").worker.worker_count == 4
    assert load({}, {}, tmp_path.parent).worker.worker_count == 1


def test_the_new_name_wins_over_the_former(tmp_path: Path) -> None:
    """Where both names of a setting are set, the new one is meant."""
    environ = {"ENGINE_WORKER__WORKER_COUNT": "3", "INTERNAL_WORKER_COUNT": "2"}
    assert load({}, environ, tmp_path).worker.worker_count == 3


def test_a_bad_value_that_is_overridden_does_no_harm(tmp_path: Path) -> None:
    """Only the value that counts is judged."""
    assert read(tmp_path, "[worker]\nworker_count = 0\n", worker__worker_count=2).worker.worker_count == 2


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(tmp_path: Path, preset: str) -> None:
    """Every preset loads and is as people know it."""
    worker = load({}, {}, tmp_path, preset=preset).worker
    known = {"low": (1, 10, 50), "medium": (2, 20, 100), "high": (4, 50, 500)}
    assert (worker.worker_count, worker.enricher_concurrent, worker.db_batch_size) == known[preset]


def test_which_file(tmp_path: Path) -> None:
    """--config comes before ENGINE_CONFIG, and that before engine.toml."""
    for number, name in enumerate(["engine.toml", "variable.toml", "option.toml"], 1):
        (tmp_path / name).write_text(f"[worker]\nworker_count = {number}\n")
    environ = {"ENGINE_CONFIG": "variable.toml"}
    assert load({}, {}, tmp_path).worker.worker_count == 1
    assert load({}, environ, tmp_path).worker.worker_count == 2
    assert load({}, environ, tmp_path, config=tmp_path / "option.toml").worker.worker_count == 3


def test_sources_from_options(tmp_path: Path) -> None:
    """Sources given as an option stand in the place of those of the file."""
    settings = read(tmp_path, SOURCE, source=[{"name": "other", "url": "https://h", "pull_limit": 7}])
    assert [(source.name, source.pull_limit) for source in settings.sources] == [("other", 7)]


def test_variables_of_a_source(tmp_path: Path) -> None:
    """A variable named after the source overrides what its table says."""
    environ = {"ENGINE_SOURCE_SINKHOLE_1__API_KEY": "k", "ENGINE_SOURCE_SINKHOLE_1__ENABLED": "no"}
    (source,) = read(tmp_path, SOURCE + "api_key = 'other'\n", environ).sources
    assert source.api_key is not None
    assert source.api_key.reveal() == "k"
    assert not source.enabled


def test_secrets_from_files_and_variables(tmp_path: Path) -> None:
    """A secret may be named instead of written, in the file and in the environment; blanks around it are cut off."""
    for name, text in (("key", " k1\n"), ("database", "mysql://u:geheim@h/d\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    text = SOURCE + "api_key_file = 'key'\n[queue]\nurl_env = 'REDIS_URL'\n"
    environ = {"REDIS_URL": "rediss://:pw@h/1", "ENGINE_DATABASE__URL_FILE": str(tmp_path / "database")}
    settings = read(tmp_path, text, environ)
    assert settings.sources[0].api_key == Secret("k1")
    assert settings.queue.url == "rediss://:pw@h/1"
    assert settings.database.url == "mysql://u:geheim@h/d"
    assert settings.secrets() == {"k1", "pw", "geheim"}
    assert settings.warnings == ()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_secret_others_can_read(tmp_path: Path, mode: int) -> None:
    """A secret file that others can read is used, with a warning that says how to mend it."""
    path = tmp_path / "url"
    path.write_text("redis://:pw@h")
    path.chmod(mode)
    settings = load({}, {"ENGINE_QUEUE__URL_FILE": "url"}, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert settings.queue.url == "redis://:pw@h"
    assert settings.warnings == (
        f"ENGINE_QUEUE__URL_FILE: queue.url_file = 'url': others can read this secret (mode {mode:04o}); chmod 600 url",
    )


def test_warnings(tmp_path: Path) -> None:
    """What works but is unwise is said; for sources that are off, and on loopback, nothing is."""
    text = """
    [queue]
    enabled = false
    [[source]]
    name = "far"
    url = "http://collector.example"
    api_key = "k"
    verify_tls = false
    [[source]]
    name = "near"
    url = "http://localhost:1"
    api_key = "k"
    [[source]]
    name = "v6"
    url = "http://[::1]:1"
    api_key = "k"
    [[source]]
    name = "off"
    url = "http://collector.example"
    api_key = "k"
    enabled = false
    """
    settings = read(tmp_path, text)
    assert settings.warnings == (
        "engine.toml: queue.enabled = false: batches wait in memory only, not on disk",
        "engine.toml: source.far.verify_tls = false: anyone on the way can pose as it",
        "engine.toml: source.far.url: the api_key travels unencrypted; use https",
    )
    assert [source.name for source in settings.enabled_sources] == ["far", "near", "v6"]


def test_without_a_queue_everything_goes_through_memory(tmp_path: Path) -> None:
    """QUEUE_MODE_ENABLED=false means memory, whatever url says."""
    environ = {"QUEUE_MODE_ENABLED": "false", "ENGINE_QUEUE__URL": "redis://h"}
    assert load({}, environ, tmp_path).queue.url == "memory://"


@pytest.mark.parametrize(
    ("text", "is_demo"),
    [
        ("", True),
        ("[worker]\nworker_count = 2\n[log]\nlevel = 'debug'\n", True),
        ("[queue]\nbatch_size = 10\n", True),
        ("[queue]\nurl = 'sqlite:///q.db'\n", False),
        ("[queue]\nenabled = false\n", False),
        ("[database]\nurl = 'sqlite:///e.db'\n", False),
        (SOURCE, False),
        (SOURCE + "enabled = false\n", False),
    ],
)
def test_when_the_demo_may_run(tmp_path: Path, text: str, is_demo: bool) -> None:  # noqa: FBT001
    """The demo is for those who configured neither source, queue nor database."""
    assert read(tmp_path, text).is_demo is is_demo


def test_what_each_process_needs(tmp_path: Path) -> None:
    """Fetching needs a source, working alone needs both stores, and either alone a queue that others can see."""
    stores = "[queue]\nurl = 'redis://h'\n[database]\nurl = 'mysql://h/d'\n"
    require(read(tmp_path, SOURCE))
    require(read(tmp_path, SOURCE), work=False)
    require(read(tmp_path, stores), fetch=False)
    require(read(tmp_path, SOURCE + "[queue]\nenabled = false\n"))


@pytest.mark.parametrize(
    ("text", "fetch", "work", "message"),
    [
        (
            "",
            True,
            True,
            "source: no source is configured; add a [[source]] with name and url (see python -m engine init)",
        ),
        (
            SOURCE + "enabled = false",
            True,
            False,
            "source: every source is disabled; add a [[source]] with name and url (see python -m engine init)",
        ),
        (
            "[queue]\nurl = 'redis://h'",
            False,
            True,
            "database.url: not configured; a worker needs the database of the engine that fetches",
        ),
        (
            SOURCE + "[queue]\nurl = 'memory://'",
            True,
            False,
            (
                "queue.url = 'memory://': what is in memory no other process sees; "
                "allowed: redis:// or sqlite:/// where one process fetches and another works"
            ),
        ),
    ],
)
def test_what_is_missing_for_a_process(tmp_path: Path, text: str, fetch: bool, work: bool, message: str) -> None:  # noqa: FBT001
    """What is missing is named, with the file it belongs into."""
    with pytest.raises(ConfigError) as caught:
        require(read(tmp_path, text), fetch=fetch, work=work)
    assert str(caught.value) == f"engine.toml: {message}"


def test_settings_are_frozen(tmp_path: Path) -> None:
    """Nobody changes a setting at run time."""
    settings = load({}, {}, tmp_path)
    with pytest.raises(FrozenInstanceError):
        settings.worker.worker_count = 9  # type: ignore[misc]


def test_nothing_secret_in_a_repr(tmp_path: Path) -> None:
    """Printing all settings shows no key and no password."""
    text = SOURCE + "api_key = 'geheim'\n[queue]\nurl = 'redis://:geheim@h/0?password=geheim'\n"
    settings = read(tmp_path, text + "[database]\nurl = 'mysql://u:gehe%20im@h/d'\n")
    assert "geh" not in repr(settings)
    assert "redis://:***@h/0?password=***" in repr(settings)
    assert f"{settings.sources[0].api_key} {settings.sources[0].api_key!r}" == "*** Secret(***)"
    assert settings.secrets() == {"geheim", "gehe%20im", "gehe im"}


PASSWORD = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="*"), min_size=4).map(
    "pw{}".format
)


def test_a_lone_user_name_is_hidden_too() -> None:
    """What stands alone before the @ may be a token."""
    assert redact_url("http://t0ken@h/") == "http://***@h/"


@given(PASSWORD, st.sampled_from(["redis://user:{}@host:6379/0", "mysql://:{}@h/d", "user:{}@host/db", "http://:{}@h"]))
def test_a_password_is_hidden_however_it_is_written(password: str, url: str) -> None:
    """No password survives redaction, even one with unescaped `/`, `#` or `@`; host and scheme do."""
    shown = redact_url(url.format(password))
    assert password not in shown
    assert shown == url.replace("{}", "***")


def test_a_url_without_secrets_stays_as_it_is() -> None:
    """Redaction leaves the rest alone."""
    for url in ("redis://h:1/0?db=1", "sqlite:///engine.db", "http://127.0.0.1:8888", "memory://"):
        assert redact_url(url) == url


def test_the_first_file_loads_as_it_is_written(tmp_path: Path) -> None:
    """What init writes has every setting at its default and one source."""
    settings = read(tmp_path, commented_config())
    assert [source.name for source in settings.sources] == ["sinkhole-1"]
    assert settings.configured == {"source"}
    assert settings.warnings == ()


def test_the_first_file_loads_with_everything_uncommented(tmp_path: Path) -> None:
    """Every line that is commented out is right, and together they name every setting."""
    for name in ("GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb", "collector-ca.pem"):
        (tmp_path / name).touch()
    text = re.sub(r"(?m)^#(?=[a-z])", "", commented_config())
    settings = read(tmp_path, text)
    direct = {
        entry.key for entry in catalogue() if not entry.key.endswith(("_file", "_env")) or entry.key == "source.ca_file"
    }
    assert settings.configured == {key for key in direct if not key.startswith("source.")} | {"source"}
    assert all(f"\n{key.partition('.')[2]} = " in text for key in direct)


def test_the_catalogue_is_true(tmp_path: Path) -> None:
    """Defaults and variables of the catalogue are those the engine uses."""
    entries = {entry.key: entry for entry in catalogue()}
    assert entries["worker.worker_count"].environment == ("INTERNAL_WORKER_COUNT", "ENGINE_WORKER__WORKER_COUNT")
    assert entries["source.api_key_file"].environment == ("ENGINE_SOURCE_<NAME>__API_KEY_FILE",)
    assert all(entry.doc and not entry.doc.endswith(".") and entry.allowed for entry in entries.values())
    lines: dict[str, list[str]] = {}
    for entry in entries.values():
        section, _, key = entry.key.partition(".")
        if entry.default and section != "source":
            lines.setdefault(section, []).append(f"{key} = {entry.default}")
    text = "".join(f"[{section}]\n" + "\n".join(given) + "\n" for section, given in lines.items())
    settings, plain = read(tmp_path, text), Settings()
    assert all(getattr(settings, section) == getattr(plain, section) for section in lines)


def test_every_variable_of_the_catalogue_is_read(tmp_path: Path) -> None:
    """A variable the catalogue names is never called unknown, whatever it holds."""
    (tmp_path / "engine.toml").write_text(SOURCE)
    names = [name.replace("<NAME>", "SINKHOLE_1") for entry in catalogue() for name in entry.environment]
    for name in names:
        said = ""
        try:
            load({}, {name: "\0"}, tmp_path)
        except ConfigError as error:
            said = str(error)
        assert "unknown variable" not in said
        assert "fits no source" not in said
    assert len(names) == len(set(names)) > 40


def test_the_zone_of_utc_is_the_fast_one(tmp_path: Path) -> None:
    """UTC is the constant the acceptance rules test for."""
    assert read(tmp_path, SOURCE).sources[0].zone is UTC


def test_a_mistyped_file_never_ends_in_a_traceback(tmp_path: Path) -> None:
    """Values of every TOML type in every place give settings or a ConfigError, nothing else."""
    values = [
        "1",
        "-1.5",
        "nan",
        "true",
        "'x'",
        "''",
        "[]",
        "[1]",
        "[[]]",
        "{}",
        "{a=1}",
        "2020-01-01",
        "10:00:00",
        "[{}]",
    ]
    keys = [entry.key.partition(".") for entry in catalogue()]
    outcomes = set()
    for section, _, key in keys:
        for value in values:
            head = SOURCE.replace(f"{key} = ", f"#{key} = ") if section == "source" else f"[{section}]\n"
            try:
                read(tmp_path, f"{head}{key} = {value}\n")
                outcomes.add("loaded")
            except ConfigError as error:
                assert str(error).startswith("engine.toml: ")
                outcomes.add("refused")
    assert outcomes == {"loaded", "refused"}
