"""`python -m tests.faults.leaking …`: the real engine with a bug whose error carries the database's URL.

The arguments are the engine's. Whoever opens the database gets an error that nobody translates, with a secret in it.
"""

from typing import NoReturn

from adapters import wiring
from engine.cli import main
from engine.settings import Settings


def _leak(settings: Settings) -> NoReturn:
    raise RuntimeError(f"a bug, at {settings.database.url}")


if __name__ == "__main__":
    wiring.open_database = _leak
    main()
