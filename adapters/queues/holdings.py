"""What one engine has on lease, as far as it knows: the half of a lease that is kept in memory."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from attrs import define, field

from engine.delivery import Delivery
from engine.errors import UnavailableError


@define(eq=False)
class Holdings:
    """The deliveries in hand.

    `held` are with the caller of the queue, by id, under the attempt they were claimed as. `lapsing` were with it until
    it was cancelled while settling them: nobody works on them, and they come back when their lease runs out.
    `in_doubt` says that the queue may know more deliveries as ours than we do, because a claim or a release was
    interrupted.
    """

    held: dict[str, int] = field(factory=dict)
    lapsing: set[str] = field(factory=set)
    in_doubt: bool = False

    @property
    def known(self) -> frozenset[str]:
        """All that the queue rightly books as ours."""
        return frozenset(self.held.keys() | self.lapsing)

    def take(self, deliveries: Iterable[Delivery]) -> None:
        """These are now with the caller."""
        for delivery in deliveries:
            self.held[delivery.id] = delivery.attempt
            self.lapsing.discard(delivery.id)

    def drop(self, deliveries: Iterable[Delivery]) -> None:
        """These are ours no longer; the same one, claimed again under a later attempt, is."""
        for delivery in deliveries:
            if self.held.get(delivery.id) == delivery.attempt:
                del self.held[delivery.id]
            self.lapsing.discard(delivery.id)

    def keep_of(self, deliveries: Iterable[Delivery], kept: Sequence[Delivery]) -> None:
        """Of these, only the `kept` are still ours."""
        ids = {delivery.id for delivery in kept}
        self.drop(delivery for delivery in deliveries if delivery.id not in ids)

    @contextmanager
    def settling(self, deliveries: Sequence[Delivery]) -> Iterator[None]:
        """Settle inside. An UnavailableError changes nothing, the caller will call again; a cancelled caller won't."""
        try:
            yield
        except UnavailableError:
            raise
        except BaseException:
            lapsing = {delivery.id for delivery in deliveries if self.held.get(delivery.id) == delivery.attempt}
            self.drop(deliveries)
            self.lapsing |= lapsing
            raise
        self.drop(deliveries)

    @contextmanager
    def doubting(self) -> Iterator[None]:
        """Whatever interrupts the inside leaves a doubt about what is ours."""
        try:
            yield
        except BaseException:
            self.in_doubt = True
            raise
