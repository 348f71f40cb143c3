"""How long to wait before calling again somebody who was away. Pure: the caller brings the random number."""

from collections.abc import Callable, Iterator

FIRST_SECONDS = 0.1
LIMIT_SECONDS = 30.0


def delays(
    random: Callable[[], float], *, first: float = FIRST_SECONDS, limit: float = LIMIT_SECONDS
) -> Iterator[float]:
    """Endless waiting times in seconds: doubling from `first` to `limit`, each cut by up to half at random.

    The random half keeps many workers from calling a server that comes back all in the same instant.
    """
    ceiling = first
    while True:
        yield ceiling * (0.5 + random() / 2)
        ceiling = min(ceiling * 2, limit)
