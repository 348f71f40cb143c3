"""The project's sessions: `nox -s lint types tests bench`."""

import nox

nox.options.sessions = ["lint", "types", "tests"]


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
    """The whole suite against private servers."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)
