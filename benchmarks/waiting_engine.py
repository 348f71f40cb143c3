"""`python -m benchmarks.waiting_engine …`: the real engine, with a look-up that waits for an answer from elsewhere."""

from collections.abc import Mapping, Sequence

import trio
from attrs import frozen

from adapters import wiring
from engine.cli import main
from engine.ports import Lookup
from engine.settings import Settings
from engine.sighting import Facts

ANSWER_SECONDS = 0.02


@frozen
class WaitingLookup:
    """Knows a country for every address, after as long as a service over the network would take."""

    chunk_size: int = 1
    generation: int = 0
    built_at: float | None = None
    uses: Sequence[str] = ("waiting",)

    async def reload(self) -> bool:
        """Nothing is ever replaced."""
        return False

    async def lookup(self, ips: Sequence[str]) -> Mapping[str, Facts]:
        """Facts per address."""
        await trio.sleep(ANSWER_SECONDS)
        return dict.fromkeys(ips, Facts(country_code="DE", country="Germany"))


def open_waiting_lookup(settings: Settings) -> Lookup:  # noqa: ARG001 - as the wiring calls it
    """In the place of the wiring's own."""
    return WaitingLookup()


if __name__ == "__main__":
    wiring.open_lookup = open_waiting_lookup
    main()
