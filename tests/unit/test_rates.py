"""How fast totals grow, and how busy a clock was: bounded, and right at the edges."""

import pytest
import trio
from trio.testing import MockClock

from engine.busy import Busy
from engine.rates import HISTORY_POINTS, HISTORY_SECONDS, History, Window


def test_a_window_says_how_much_a_second() -> None:
    """Over the last samples, or over all it holds; what is new counts from nothing."""
    window = Window(4)
    assert window.growth() == {}
    window.add(100.0, {"a": 5.0})
    assert window.growth() == {}
    window.add(101.0, {"a": 7.0})
    window.add(103.0, {"a": 13.0, "b": 6.0})
    assert window.growth() == pytest.approx({"a": 8 / 3, "b": 2.0})
    assert window.growth(1) == pytest.approx({"a": 3.0, "b": 3.0})
    for moment in range(104, 110):
        window.add(float(moment), {"a": 13.0, "b": 6.0})
    assert window.growth() == {"a": 0.0, "b": 0.0}


def test_the_history_has_a_point_every_ten_seconds() -> None:
    """Records a second in each whole step; a gap is spread over the steps it took; an hour is kept."""
    history = History()
    assert (history.points, history.mean) == ([], 0.0)
    history.add(1003.0, 10)
    history.add(1009.0, 50)
    assert history.points == []
    history.add(1010.0, 60)
    history.add(1040.0, 360)
    assert history.points == [(1000, 6.0), (1010, 10.0)]
    assert history.mean == 8.0
    for step in range(2 * HISTORY_POINTS):
        history.add(2000.0 + step * HISTORY_SECONDS, 360)
    assert len(history.points) == HISTORY_POINTS
    assert history.mean == 0.0


def test_a_clock_that_is_set_back_does_not_stop_the_history() -> None:
    """What it says is still to come is forgotten; from then on there are points as before."""
    history = History()
    for step in range(5):
        history.add(1000.0 + 10 * step, 100 * step)
    history.add(1015.0, 500)
    assert history.points == [(1000, 10.0)]
    history.add(1020.0, 540)
    history.add(1030.0, 640)
    assert history.points == [(1000, 10.0), (1010, 4.0), (1020, 10.0)]


async def test_a_clock_runs_in_one_state_at_a_time(autojump_clock: MockClock) -> None:
    """Seconds add up per state, the present one counts as far as it has come, and all together are the time passed."""
    busy = Busy()
    await trio.sleep(2)
    busy.turn("writing")
    await trio.sleep(3)
    busy.turn("idle")
    await trio.sleep(1)
    busy.turn("writing")
    await trio.sleep(0.5)
    assert busy.seconds() == pytest.approx({"idle": 3.0, "writing": 3.5})
    assert busy.state == "writing"
