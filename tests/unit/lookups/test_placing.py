"""A file takes another's place: at every instant one of the two is there, whole."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.lookups.placing import open_places, place
from engine.errors import UnavailableError

REPOSITORY = Path(__file__).parents[3]
STEPS = 3
"""The changes of the folder that taking a place consists of."""

DYING = """
import os, signal, sys
from pathlib import Path
from adapters.lookups.placing import place

left = int(sys.argv[1])

def die_before_a_step(event, _):
    global left
    if event in {"os.rename", "os.remove"}:
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

sys.addaudithook(die_before_a_step)
place(Path("new"), Path("x.mmdb"), is_kept=True)
"""


def files(folder: Path) -> dict[str, str]:
    """What is in a folder."""
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_one_before_is_kept(tmp_path: Path) -> None:
    """Only the last one, and none that is of no use."""
    for content, is_kept in (("1", False), ("2", True), ("useless", True), ("3", False)):
        (tmp_path / "new").write_text(content)
        place(tmp_path / "new", tmp_path / "x.mmdb", is_kept=is_kept)
    assert files(tmp_path) == {"x.mmdb": "3", "x.mmdb.previous": "2"}


@pytest.mark.parametrize("step", range(STEPS + 1))
def test_killed_at_every_step(tmp_path: Path, step: int) -> None:
    """A kill -9 before any change of the folder leaves the old or the new file whole, and a second try succeeds."""
    (tmp_path / "x.mmdb").write_text("old")
    (tmp_path / "x.mmdb.previous").write_text("older")
    for steps, code in [(step, -signal.SIGKILL if step < STEPS else 0), (STEPS, 0)]:
        (tmp_path / "new").write_text("new")
        ended = subprocess.run(
            [sys.executable, "-c", DYING, str(steps)], cwd=tmp_path, env={"PYTHONPATH": str(REPOSITORY)}, check=False
        )
        assert ended.returncode == code
        assert files(tmp_path)["x.mmdb"] == ("old" if code else "new")
    assert files(tmp_path) == {"x.mmdb": "new", "x.mmdb.previous": "old" if step < STEPS else "new"}


def test_nobody_else_is_at_it(tmp_path: Path) -> None:
    """A second update of the same folder is refused while the first is at work, which leaves nothing behind."""
    with open_places() as first, open_places() as second:
        for ending in ("part", "new"):
            first.beside(tmp_path / "geo" / "x.mmdb", ending).write_text("half")
        with pytest.raises(UnavailableError, match="another update is at work in"):
            second.beside(tmp_path / "geo" / "y.mmdb", "part")
    assert files(tmp_path / "geo") == {}
    with open_places() as third:
        third.beside(tmp_path / "geo" / "y.mmdb", "part")
