"""A record that kills every engine that tries to write it costs itself, and nothing else."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus import Corpus, make
from tests.faults.control import DEADLY_VARIABLE
from tests.faults.scene import Servers, running_servers, staged

RECORDS = 300
MAX_RETRIES = 1
STARTS = 10


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A Redis and a MariaDB."""
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


def deadly_in(corpus: Corpus) -> str:
    """The address of one record, seen nowhere else; the corpus then expects that record to be a dead letter."""
    good = {number: outcome for number, outcome in corpus.outcomes.items() if outcome is not None}
    seen = Counter(outcome.ip for outcome in good.values())
    number, record = next((n, o) for n, o in good.items() if seen[o.ip] == 1 and not o.cleanup and n > RECORDS // 4)
    corpus.expected.communications[record.kind].remove((record.ip, record.seen_at))
    del corpus.expected.nodes[record.kind][record.ip]
    corpus.expected.dead.add(str(number))
    corpus.outcomes[number] = None
    return record.ip


def test_the_deadly_record_alone_is_a_dead_letter(servers: Servers, tmp_path: Path) -> None:
    """Engine after engine dies of it, until it is tried alone, and buried alone; all the others are written."""
    corpus = make(RECORDS, seed=20261126)
    environ = {DEADLY_VARIABLE: deadly_in(corpus)}
    with staged(servers, corpus, tmp_path, "poison") as scene:
        codes: list[int] = []
        while 0 not in codes and len(codes) < STARTS:
            options = ["--once", "--set", f"worker.max_retries={MAX_RETRIES}", "--set", "queue.batch_size=20"]
            codes.append(scene.engine("e1", *options, environ=environ).wait())
        assert codes[-1] == 0
        assert set(codes[:-1]) == {-signal.SIGKILL}
        assert len(codes) > MAX_RETRIES + 1
        assert scene.differences() == []
