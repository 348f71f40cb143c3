"""What becomes of the running settings when the configuration is read again. Pure.

Everything that a pipeline is built from may change; what was opened, or decided, once for the whole run may not.
"""

from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from engine.errors import ConfigError
from engine.settings import Settings
from engine.settings.sections import SECTIONS
from engine.settings.setting import settings_of


@frozen
class Change:
    """The settings that hold from now on, what of them is new, and which new values have to wait for a restart."""

    settings: Settings
    applied: Sequence[str]
    waiting: Sequence[str]


def change(old: Settings, new: Settings) -> Change:
    """Take from a new reading what may change while the engine runs, and keep the rest."""
    settings = evolve(
        old,
        worker=evolve(new.worker, enabled=old.worker.enabled),
        queue=evolve(
            old.queue,
            batch_size=new.queue.batch_size,
            high_watermark=new.queue.high_watermark,
            low_watermark=new.queue.low_watermark,
        ),
        enrichment=new.enrichment,
        lookup=new.lookup,
        geo=new.geo,
        acceptance=new.acceptance,
        log=new.log,
        sources=new.sources,
        configured=new.configured,
        file=new.file,
        warnings=new.warnings,
    )
    applied = [*_differing(old, settings), *_sources(old, new)]
    return Change(settings, applied, list(_differing(settings, new)))


def check_whole(settings: Settings) -> None:
    """Raise ConfigError where what was read anew does not go with what is kept."""
    delay, lease = settings.worker.retry_delay, settings.queue.lease_seconds
    if delay > lease:
        raise ConfigError(
            f"worker.retry_delay = {delay:g}: not at most queue.lease_seconds = {lease:g}, which holds until a restart"
        )


def _differing(before: Settings, after: Settings) -> Iterator[str]:
    for section, kind in SECTIONS.items():
        for name in (described.name for described in settings_of(kind)):
            if getattr(getattr(before, section), name) != getattr(getattr(after, section), name):
                yield f"{section}.{name}"


def _sources(old: Settings, new: Settings) -> Iterator[str]:
    before = {source.name: source for source in old.enabled_sources}
    after = {source.name: source for source in new.enabled_sources}
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"source {name} added"
        elif name not in after:
            yield f"source {name} removed"
        elif before[name] != after[name]:
            yield f"source {name} changed"
