"""Programs that tests need: where they are, and what happens where they are not."""

import os
import shutil

import pytest

PACKAGES = {
    "redis-server": "redis-server",
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
    "chromium": "chromium",
    "promtool": "prometheus",
}


def find_program(name: str) -> str | None:
    """The program, also from where Debian puts it for root only; None where it is not installed."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which(name, path=path)


def need_program(name: str) -> str:
    """The program; without it the test is skipped with the command to run, or fails where CI=true."""
    program = find_program(name)
    if program is None:
        reason = f"{name} is not installed; as root: apt-get install {PACKAGES[name]}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return program
