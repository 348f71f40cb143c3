"""Whether the engine gets on: not ready while records wait and none moves."""

from attrs import define


@define(eq=False)
class Readiness:
    """Watches two numbers: what was settled, which grows, and what waits, which shrinks when somebody settles it.

    `what` waits says the reason. Not ready once nothing has moved for `stall_seconds` while something waited.
    """

    stall_seconds: float
    _settled: int = 0
    _waiting: int | None = 0
    _still_since: float | None = None

    def look(self, now: float, settled: int, waiting: int | None) -> None:
        """What is settled so far, and how many batches wait; None where the queue does not say."""
        moved = settled > self._settled or (
            waiting is not None and self._waiting is not None and waiting < self._waiting
        )
        if waiting == 0 or moved:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = now
        self._settled, self._waiting = settled, waiting

    def still_seconds(self, now: float) -> float:
        """For how long records have been waiting while none moved."""
        return 0.0 if self._still_since is None else now - self._still_since

    def problem(self, now: float) -> str | None:
        """Why it is not ready."""
        still = self.still_seconds(now)
        if still < self.stall_seconds:
            return None
        if self._waiting is None:
            return f"the queue has not answered for {still:.0f} s"
        return f"{self._waiting} batches wait, and none has moved for {still:.0f} s"
