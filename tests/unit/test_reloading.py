"""What of a new reading of the settings holds at once, and what has to wait for a restart."""

import pytest
from attrs import evolve

from engine.errors import ConfigError
from engine.reloading import change, check_whole
from engine.settings import Secret, Settings, SourceSettings, catalogue
from engine.settings.sections import SECTIONS

RESTART = {
    "engine.name",
    "engine.shutdown_grace_seconds",
    "engine.strict_durability",
    "worker.enabled",
    "queue.url",
    "queue.enabled",
    "queue.name",
    "queue.lease_seconds",
    "database.url",
    "database.max_botnet_types",
    "database.local_infile",
    "status.address",
    "status.token",
    "status.stall_seconds",
}


class Other:
    """Differs from every value."""


def source(name: str, url: str = "http://127.0.0.1:1", *, enabled: bool = True) -> SourceSettings:
    """A source."""
    return SourceSettings(name=name, url=url, api_key=Secret("x"), enabled=enabled)


def test_every_setting_is_applied_or_named() -> None:
    """Changed alone, each setting either holds afterwards or waits for a restart; none is passed over."""
    names = [entry.key for entry in catalogue() if not entry.key.startswith("source.")]
    sections = {name: section for name in names if (section := name.partition(".")[0]) in SECTIONS}
    old = Settings()
    waiting = set()
    for name, section in sections.items():
        key = name.partition(".")[2]
        if not hasattr(getattr(old, section), key):
            continue  # url_file and url_env are other ways to give url
        changed = evolve(getattr(old, section), **{key: Other()})
        found = change(old, evolve(old, **{section: changed}))
        holds = getattr(getattr(found.settings, section), key)
        assert isinstance(holds, Other) is (found.applied == [name])
        assert [*found.applied, *found.waiting] == [name]
        waiting |= set(found.waiting)
    assert waiting == RESTART


def test_sources_are_compared_by_name() -> None:
    """Added, removed, changed, disabled: each is said; one that stays as it was is not."""
    old = evolve(Settings(), sources=(source("a"), source("b"), source("c"), source("d")))
    new = evolve(old, sources=(source("a"), source("c", "http://127.0.0.1:2"), source("d", enabled=False), source("e")))
    found = change(old, new)
    assert found.settings.sources == new.sources
    assert found.applied == ["source b removed", "source c changed", "source d removed", "source e added"]
    assert found.waiting == []


def test_nothing_changed() -> None:
    """The same settings again change nothing, and are taken all the same: a file they name may be another."""
    settings = evolve(Settings(), sources=(source("a"),), warnings=("careful",))
    found = change(settings, settings)
    assert (found.settings, found.applied, found.waiting) == (settings, [], [])


def test_a_new_value_that_does_not_go_with_one_that_waits() -> None:
    """Right together in the file, they are not while the larger one waits for a restart: refused."""
    old = Settings()
    longer = old.queue.lease_seconds + 1
    queue, worker = evolve(old.queue, lease_seconds=longer), evolve(old.worker, retry_delay=longer)
    check_whole(change(old, evolve(old, queue=queue)).settings)
    with pytest.raises(ConfigError, match="retry_delay = 61: not at most queue.lease_seconds = 60, which holds until"):
        check_whole(change(old, evolve(old, queue=queue, worker=worker)).settings)
