"""Ready while records move, or none waits."""

from engine.readiness import Readiness


def test_nothing_waits_for_ever() -> None:
    """An idle engine stays ready."""
    readiness = Readiness(10)
    for now in range(100):
        readiness.look(now, 5, 0)
    assert readiness.problem(100) is None
    assert readiness.still_seconds(100) == 0.0


def test_it_stalls_when_batches_wait_and_none_moves() -> None:
    """Not ready after the time, not before; more that comes to wait is no movement; one that is settled is."""
    readiness = Readiness(10)
    for now in range(20):
        readiness.look(now, 5, 1 + now)
    assert readiness.problem(9.9) is None
    assert readiness.problem(12.0) == "20 batches wait, and none has moved for 11 s"
    readiness.look(21, 6, 30)
    assert readiness.problem(21) is None


def test_what_another_engine_settles_is_movement() -> None:
    """The queue shrinks: somebody works."""
    readiness = Readiness(10)
    for now in range(50):
        readiness.look(now, 0, 100 - now)
    assert readiness.problem(50) is None


def test_a_queue_that_does_not_answer_is_a_stall() -> None:
    """After the time; it is over when the queue says that nothing waits."""
    readiness = Readiness(10)
    for now in range(12):
        readiness.look(now, 0, None)
    assert readiness.problem(12) == "the queue has not answered for 12 s"
    readiness.look(13, 0, 0)
    assert readiness.problem(13) is None
