"""The protocols of the model: ours, and the simpler ones, which lose."""

from collections.abc import Callable

from attrs import frozen

from engine.confirmation import Confirmation
from tests.faults.model.confirming import Confirmer, Forgetful, IntentCounters, RetryUntilAnswered, Silent, Trusting
from tests.faults.model.engine import Confirming, Engine, Fetching
from tests.faults.model.fetching import ConfirmThenCursor, Fetcher


@frozen
class Protocol:
    """A way to bring records in and have them forgotten."""

    fetching: Callable[[Engine], Fetching] = Fetcher
    confirming: Callable[[Engine], Confirming] = lambda engine: Confirmer(engine, _account(engine))


def _account(engine: Engine, kind: type[Confirmation] = Confirmation) -> Confirmation:
    return kind(engine.page_size, engine.world.faults.quarantine_seconds)


OURS = Protocol()

RIVALS = {
    "confirm, then cursor": Protocol(ConfirmThenCursor, Silent),
    "retry until answered": Protocol(confirming=RetryUntilAnswered),
    "intent counters": Protocol(confirming=IntentCounters),
    "no sentinel": Protocol(fetching=lambda engine: Fetcher(engine, checks_sentinel=False)),
    "no reserve after a start": Protocol(
        confirming=lambda engine: Confirmer(engine, _account(engine), holds_reserve=False)
    ),
    "no account of its own confirms": Protocol(
        confirming=lambda engine: Confirmer(engine, _account(engine, Forgetful))
    ),
    "confirms what is only queued": Protocol(
        confirming=lambda engine: Confirmer(engine, _account(engine), committed_only=False)
    ),
    "does not look who came after": Protocol(
        confirming=lambda engine: Confirmer(engine, _account(engine), looks_behind=False)
    ),
    "takes every movement for its own": Protocol(
        confirming=lambda engine: Confirmer(engine, _account(engine, Trusting))
    ),
    "judges as of the answer": Protocol(
        confirming=lambda engine: Confirmer(engine, _account(engine), judges_before_probe=False)
    ),
}
"""Protocols that are simpler, and lose."""
