"""How fast totals grow: over the last samples, and over the last hour. Bounded, however long the engine runs."""

from collections import deque
from collections.abc import Mapping, Sequence

from attrs import define, field

HISTORY_SECONDS = 10
HISTORY_POINTS = 360


@define(eq=False)
class Window:
    """Totals as they were at the last `size` samples, one a second."""

    size: int
    _samples: deque[tuple[float, Mapping[str, float]]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._samples = deque(maxlen=self.size)

    def add(self, now: float, totals: Mapping[str, float]) -> None:
        """The totals at this moment; they never shrink."""
        self._samples.append((now, totals))

    def growth(self, samples: int | None = None) -> dict[str, float]:
        """How much each total has grown a second, over so many of the last samples; nothing before the second."""
        if len(self._samples) < 2:  # noqa: PLR2004 - growth is between two
            return {}
        ended, after = self._samples[-1]
        began, before = self._samples[max(0, len(self._samples) - 1 - (samples or self.size))]
        return {name: (total - before.get(name, 0.0)) / (ended - began) for name, total in after.items()}


@define(eq=False)
class History:
    """Records a second in steps of ten seconds, over the last hour, from a total of 0; `unix` times are whole steps.

    Where the clock is set back, what it then says is still to come is forgotten.
    """

    _points: deque[tuple[int, float]] = field(factory=lambda: deque(maxlen=HISTORY_POINTS))
    _step: int | None = None
    _total: float = 0.0

    def add(self, unix: float, total: float) -> None:
        """The total at this moment."""
        step = int(unix) // HISTORY_SECONDS
        if self._step is None:
            self._step = step  # what was done before somebody looked counts as done in this step
        elif step < self._step:
            while self._points and self._points[-1][0] >= step * HISTORY_SECONDS:
                self._points.pop()
            self._step, self._total = step, total
        elif step > self._step:
            seconds = (step - self._step) * HISTORY_SECONDS
            self._points.append((self._step * HISTORY_SECONDS, round((total - self._total) / seconds, 1)))
            self._step, self._total = step, total

    @property
    def points(self) -> Sequence[tuple[int, float]]:
        """Begin of the step, and the records a second in it; the oldest first."""
        return list(self._points)

    @property
    def mean(self) -> float:
        """Records a second over all steps; 0 before the first is over."""
        return sum(rate for _, rate in self._points) / len(self._points) if self._points else 0.0
