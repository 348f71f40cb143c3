"""How a worker, a source or the leasing spends its time: seconds a state, and nothing else is kept."""

from collections.abc import Mapping

import trio
from attrs import define, field


@define(eq=False)
class Busy:
    """A clock that always runs in exactly one state. A turn is an addition, so that it may be made for every batch."""

    state: str = "idle"
    _since: float = field(factory=trio.current_time)
    _seconds: dict[str, float] = field(factory=dict)

    def turn(self, state: str) -> None:
        """From now on it is in this state."""
        now = trio.current_time()
        self._seconds[self.state] = self._seconds.get(self.state, 0.0) + now - self._since
        self.state, self._since = state, now

    def seconds(self) -> Mapping[str, float]:
        """How long it has been in each state so far, the present one included."""
        self.turn(self.state)
        return dict(self._seconds)
