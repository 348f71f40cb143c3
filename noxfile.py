"""The project's sessions: `nox -s lint types tests faults planted bench`."""

import os
import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]

SERVERS = {"redis-server": "redis-server", "mariadbd": "mariadb-server"}
POLICY = Path("/usr/sbin/policy-rc.d")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format and the direction of imports."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy strict over everything."""
    session.install("-e", ".[types,test]")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite, against private servers on free ports."""
    provide_servers(session)
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """The fault suite, whole, then a soak: `nox -s faults -- --minutes 30 --seed 7`; writes tests/faults/RESULTS.md."""
    provide_servers(session)
    session.install("-e", ".[test]")
    results = Path(session.create_tmp()) / "results.jsonl"
    results.unlink(missing_ok=True)
    try:
        session.run("pytest", "tests/faults", "--whole", f"--results={results}")
        session.run("python", "-m", "tests.faults.soak", f"--results={results}", *session.posargs)
    finally:
        session.run("python", "-m", "tests.faults.report", str(results), "--to", "tests/faults/RESULTS.md")


@nox.session
def planted(session: nox.Session) -> None:
    """Bugs planted in the source, each of which the tests must catch: `nox -s planted -- --only NAME`."""
    provide_servers(session)
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.faults.planted", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Engine against floor, rows checked after every run: `nox -s bench -- --records N --workers 1,2 --runs R`."""
    provide_servers(session)
    session.install("-e", ".[test,bench]")
    session.run("python", "-m", "benchmarks", *session.posargs)


def provide_servers(session: nox.Session) -> None:
    """Install the server programs that are missing, where root and apt can; nothing is started."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    missing = [package for program, package in SERVERS.items() if shutil.which(program, path=path) is None]
    if not missing:
        return
    command = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        session.warn(
            f"missing: {', '.join(missing)}; tests that need them are skipped. To have them, as root: {command}"
        )
        return
    session.log(f"installing {', '.join(missing)} by apt, without starting them")
    forbid_starting = not POLICY.exists()
    if forbid_starting:
        POLICY.write_text("#!/bin/sh\nexit 101\n")  # Debian's way to keep a package from starting its service
        POLICY.chmod(0o755)
    try:
        session.run("apt-get", "update", "-q", external=True, silent=True, success_codes=[0, 100])
        session.run(*command.split(), external=True, silent=True, env={"DEBIAN_FRONTEND": "noninteractive"})
    finally:
        if forbid_starting:
            POLICY.unlink()
