"""What a really running engine says of its look-up data: the files that are in use, and how old they are."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.picture import Picture
from tests import mmdb
from tests.collector import Collector, running_collector
from tests.engine_process import EngineProcess, write_config
from tests.mmdb import write_mmdb
from tests.status_page import WITH_PAGE, page_of

DAY = 86_400
RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"
ALERT = re.compile(r"expr: (botnet_engine_lookup_data_age_seconds) > (\d+) \* 86400$", re.MULTILINE)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector with nothing to give."""
    with running_collector() as running:
        yield running


def lookup_file(path: Path, days_old: int) -> Path:
    """A file that was built so many days ago, and written just now."""
    path.parent.mkdir(exist_ok=True)
    return write_mmdb(path, {"8.0.0.0/8": mmdb.DB_IP_CITY}, built_at=int(time.time()) - days_old * DAY)


def configure(folder: Path, collector: Collector, **enrichment: object) -> None:
    """Embedded files, the default folder of look-up files."""
    write_config(folder, log={"file": ""}, enrichment=enrichment, source=[{"name": "s1", "url": collector.url}])


def shown(picture: Picture) -> tuple[str, int | None]:
    """What is in use, and its age in days."""
    age = picture.engine.lookup_age_seconds
    return picture.engine.lookup, None if age is None else round(age / DAY)


def test_files_of_the_folder_are_named_with_their_age(tmp_path: Path, collector: Collector) -> None:
    """Old files of the folder count, and the alert fires; so do those that come while it runs, or by SIGHUP."""
    lookup_file(tmp_path / "geo" / "city.mmdb", 60)
    lookup_file(tmp_path / "geo" / "asn.mmdb", 1)
    configure(tmp_path, collector)
    with EngineProcess(tmp_path, environ=WITH_PAGE) as engine, page_of(engine) as page:
        page.until(lambda seen: shown(seen) == ("asn.mmdb + city.mmdb + built-in", 60))
        ((metric, days),) = ALERT.findall(RULES.read_text())
        assert page.metrics()[metric] > int(days) * DAY
        lookup_file(tmp_path / "city.new", 3).replace(tmp_path / "geo" / "city.mmdb")
        page.until(lambda seen: shown(seen) == ("asn.mmdb + city.mmdb + built-in", 3))
        assert page.metrics()[metric] < int(days) * DAY
        named = lookup_file(tmp_path / "named.mmdb", 20)
        configure(tmp_path, collector, mmdb=[str(named)], builtin=False)
        engine.send(signal.SIGHUP)
        page.until(lambda seen: shown(seen) == ("named.mmdb", 20))
        configure(tmp_path, collector, builtin=False)
        for path in (tmp_path / "geo").iterdir():
            path.unlink()
        engine.send(signal.SIGHUP)
        page.until(lambda seen: shown(seen) == ("none", None))
        assert metric not in page.metrics()


def test_builtin_data_has_no_date(tmp_path: Path, collector: Collector) -> None:
    """Without any file it is named alone, and no age is claimed; the first file that comes has one."""
    configure(tmp_path, collector)
    with EngineProcess(tmp_path, environ=WITH_PAGE) as engine, page_of(engine) as page:
        page.until(lambda seen: shown(seen) == ("built-in", None))
        lookup_file(tmp_path / "geo" / "x.mmdb", 90)
        page.until(lambda seen: shown(seen) == ("x.mmdb + built-in", 90))
