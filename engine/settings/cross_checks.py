"""What must hold between settings, and what should. Pure but for asking whether a file is there."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from engine.settings.allowed import is_loopback
from engine.settings.conversion import show
from engine.settings.resolving import Reading
from engine.settings.secret import redact_url
from engine.settings.sections import SECTIONS
from engine.settings.setting import settings_of

Sections = Mapping[str, Reading]


def cross_problems(sections: Sections, sources: Sequence[Reading], cwd: Path) -> list[str]:
    """What is wrong between settings that are right one by one."""
    return [
        *_order(sections, "queue.low_watermark", "queue.high_watermark", strictly=True),
        *_order(sections, "worker.retry_delay", "queue.lease_seconds", strictly=False),
        *_repeats(sources),
        *_missing_files(sections["enrichment"], "mmdb", cwd),
        *(line for source in sources for line in _missing_files(source, "ca_file", cwd)),
    ]


def cross_warnings(sections: Sections, sources: Sequence[Reading]) -> Iterator[str]:
    """What works, but should be known."""
    queue = sections["queue"]
    if queue.values.get("enabled") is False:
        yield f"{queue.origins['enabled']}: queue.enabled = false: batches wait in memory only, not on disk"
    for source in sources:
        if source.values.get("enabled") is False:
            continue
        url = urlsplit(str(source.values["url"]))
        if source.values.get("verify_tls") is False:
            origin = source.origins["verify_tls"]
            yield f"{origin}: {source.label}.verify_tls = false: anyone on the way can pose as it"
        if url.scheme == "http" and "api_key" in source.values and not is_loopback(url.hostname or ""):
            yield f"{source.origins['url']}: {source.label}.url: the api_key travels unencrypted; use https"


def _order(sections: Sections, smaller: str, larger: str, *, strictly: bool) -> Iterator[str]:
    """`smaller` must be below (or at most) `larger`; the one that was given is blamed, rather than a default."""
    low, low_origin = _value(sections, smaller)
    high, high_origin = _value(sections, larger)
    if low is None or high is None or low < high or (low == high and not strictly):
        return
    if low_origin is not None:
        bound = "below" if strictly else "at most"
        other = f"{larger} = {high:g}" if high_origin else f"{larger} (default {high:g})"
        yield f"{low_origin}: {smaller} = {low:g}: not {bound} {other}; allowed: {bound} {high:g}"
    else:
        bound = "above" if strictly else "at least"
        yield f"{high_origin}: {larger} = {high:g}: not {bound} {smaller} (default {low:g}); allowed: {bound} {low:g}"


def _value(sections: Sections, name: str) -> tuple[float | None, str | None]:
    section, _, key = name.partition(".")
    reading = sections[section]
    if key in reading.failed:
        return None, None
    default = next(described.default for described in settings_of(SECTIONS[section]) if described.name == key)
    value = reading.values.get(key, default)
    assert isinstance(value, int | float)
    return value, reading.origins.get(key)


def _repeats(sources: Sequence[Reading]) -> Iterator[str]:
    names: set[object] = set()
    owners: dict[str, str] = {}
    for source in sources:
        name = source.values.get("name")
        if name is not None and name in names:
            yield f"{source.origins['name']}: {source.label}.name = {show(name)}: given twice; allowed: another name"
        names.add(name)
        if "url" not in source.values or source.values.get("enabled") is False:
            continue
        url = str(source.values["url"]).rstrip("/").lower()
        if url in owners:
            yield (
                f"{source.origins['url']}: {source.label}.url = {show(redact_url(source.values['url']))}: "
                f"also the url of {owners[url]}; allowed: one source per collector"
            )
        owners.setdefault(url, source.label)


def _missing_files(reading: Reading, key: str, cwd: Path) -> Iterator[str]:
    value = reading.values.get(key, ())
    for path in value if isinstance(value, tuple) else (value,):
        if not (cwd / str(path)).is_file():
            where = f"{reading.origins[key]}: {reading.label}.{key}"
            yield f"{where} = {show(str(path))}: no such file; allowed: the name of a file"
