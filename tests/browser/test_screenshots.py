"""The pictures of the README can be taken anew."""

import subprocess
import sys
from pathlib import Path

from tests.servers.programs import need_program

REPOSITORY = Path(__file__).parents[2]


def test_the_pictures_are_taken(tmp_path: Path) -> None:
    """By the command of the README, here after a moment's work, and into a folder of their own."""
    need_program("chromium")
    command = [sys.executable, "-m", "tests.browser.screenshots", "--seconds", "3", "--to", str(tmp_path)]
    taken = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=100, check=False)
    assert taken.returncode == 0, taken.stderr.decode()[-2000:]
    assert {path.name for path in tmp_path.iterdir()} == {"top.svg", "page-light.png", "page-dark.png"}
    assert all(path.stat().st_size > 10_000 for path in tmp_path.iterdir())
