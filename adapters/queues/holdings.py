"""What one engine has on lease, as far as it knows: the half of a lease that is kept in memory."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from attrs import define, field

from engine.delivery import Delivery
from engine.errors import UnavailableError


@define(eq=False)
class Holdings:
    """The deliveries in hand.

    `held` are with the caller of the queue. `lapsing` were with it until it was cancelled while settling them: nobody
    works on them, and they come back when their lease runs out. `in_doubt` says that the queue may know more deliveries
    as ours than we do, because a claim or a release was interrupted.
    """

    held: set[str] = field(factory=set)
    lapsing: set[str] = field(factory=set)
    in_doubt: bool = False

    @property
    def known(self) -> list[str]:
        """All that the queue rightly books as ours."""
        return sorted(self.held | self.lapsing)

    def take(self, ids: Iterable[str]) -> None:
        """These are now with the caller."""
        taken = set(ids)
        self.held |= taken
        self.lapsing -= taken

    def drop(self, ids: Iterable[str]) -> None:
        """These are ours no longer."""
        gone = set(ids)
        self.held -= gone
        self.lapsing -= gone

    @contextmanager
    def settling(self, deliveries: Sequence[Delivery]) -> Iterator[None]:
        """Settle inside. An UnavailableError changes nothing, the caller will call again; a cancelled caller won't."""
        ids = {delivery.id for delivery in deliveries}
        try:
            yield
        except UnavailableError:
            raise
        except BaseException:
            self.lapsing |= ids & self.held
            self.held -= ids
            raise
        self.drop(ids)

    @contextmanager
    def doubting(self) -> Iterator[None]:
        """Whatever interrupts the inside leaves a doubt about what is ours."""
        try:
            yield
        except BaseException:
            self.in_doubt = True
            raise
