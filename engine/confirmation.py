"""How many records a source may be told to forget. Pure: observations in, a number out.

The confirm of the collector protocol counts from the oldest record and names none, so a confirm that arrives twice or
late hides records nobody has read. What follows is arithmetic that stays right under every such accident: what is
owed is observed at the front of the source and never remembered, and for every confirm whose fate is unknown as many
records are held back as it could still hide.
"""

from collections import deque

from attrs import define, field


@define
class Confirmation:
    """The account with one source, from the first probe of one ownership to its end.

    `page_size` bounds one confirm, twice that bounds all unresolved ones (the *reserve*). `quarantine_seconds` is how
    long a confirm may be under way; one that is older has arrived or never will.
    """

    page_size: int
    quarantine_seconds: float
    _unresolved: deque[tuple[float, int]] = field(factory=deque)
    _answered: int = 0
    _starts: int = 0

    @property
    def reserve(self) -> int:
        """How many records may be hidden by confirms of one earlier ownership whose fate nobody knows."""
        return 2 * self.page_size

    @property
    def own(self) -> int:
        """How many records our own confirms of unknown fate may still hide."""
        return sum(count for _, count in self._unresolved)

    def front_moved(self, records: int, now: float, starts: int) -> None:
        """The front went forward by so many records since the last probe: some confirms have arrived.

        What was answered is paid first, then the oldest of the unresolved. The latter only where no other ownership
        had a confirm under way (`starts`, as for `allowed`), neither now nor at the last probe: it may as well have
        been that one which arrived. `now` is a moment before this probe was sent: what arrived later, it did not see.
        """
        paid = min(records, self._answered)
        self._answered -= paid
        records = 0 if starts or self._starts else records - paid
        self._starts = starts
        while records > 0 and self._unresolved:
            sent_at, count = self._unresolved.popleft()
            if count > records:
                self._unresolved.appendleft((sent_at, count - records))
            records -= count
        while self._unresolved and now - self._unresolved[0][0] > self.quarantine_seconds:
            self._unresolved.popleft()

    def allowed(self, debt: int, starts: int) -> int:
        """How many to confirm now, 0 for none.

        `debt` counts the records from the front on that are committed without a gap. The last of them stays: it may
        be the one at our cursor, by which a reset is recognised. `starts` counts the recent ownerships that may have
        left a confirm under way.
        """
        count = min(self.page_size, self.reserve - self.own, debt - 1 - self.own - self.reserve * starts)
        return max(0, count)

    def enough(self, starts: int) -> int:
        """How far a debt need be counted: beyond it `allowed` does not grow."""
        return self.page_size + 1 + self.own + self.reserve * starts

    def sending(self, count: int, now: float) -> None:
        """Call before a confirm goes out: from here on its fate is unknown."""
        self._unresolved.append((now, count))

    def answered(self) -> None:
        """The last confirm was answered: it has arrived and will not arrive again."""
        _, count = self._unresolved.pop()
        self._answered += count

    def never_sent(self) -> None:
        """The last confirm did not leave this machine."""
        self._unresolved.pop()
