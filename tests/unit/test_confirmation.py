"""The arithmetic of how many records a source may be told to forget."""

from hypothesis import given
from hypothesis import strategies as st

from engine.confirmation import Confirmation


def account(page_size: int = 10) -> Confirmation:
    """An account with a quarantine of an hour."""
    return Confirmation(page_size, 3600)


def test_the_last_committed_record_is_kept_back() -> None:
    """It may be the one at the cursor, by which a reset is recognised."""
    assert [account().allowed(debt, 0) for debt in (0, 1, 2, 11, 12, 500)] == [0, 0, 1, 10, 10, 10]


def test_a_recent_start_holds_a_reserve() -> None:
    """Two pages stay back for every ownership that may have left a confirm under way."""
    assert [account().allowed(debt, 1) for debt in (20, 21, 22, 31, 500)] == [0, 0, 1, 10, 10]
    assert account().allowed(41, 2) == 0


def test_a_confirm_of_unknown_fate_counts_as_if_it_could_still_arrive() -> None:
    """What it might hide is held back, and the bound on all of them is two pages."""
    books = account()
    books.sending(10, now=0)
    assert books.own == 10
    assert [books.allowed(debt, 0) for debt in (11, 12, 21, 500)] == [0, 1, 10, 10]
    books.sending(10, now=1)
    assert books.allowed(500, 0) == 0


def test_an_answered_confirm_holds_nothing_back() -> None:
    """It has arrived and will not arrive again."""
    books = account()
    books.sending(10, now=0)
    books.answered()
    assert books.own == 0
    assert books.allowed(500, 0) == 10


def test_a_confirm_that_was_never_sent_holds_nothing_back() -> None:
    """A refused connection is certain."""
    books = account()
    books.sending(10, now=0)
    books.never_sent()
    assert books.own == 0


def test_movement_pays_the_answered_first_then_the_oldest() -> None:
    """The front moved by 12: ten of the answered confirm, two of the oldest unknown one."""
    books = account()
    books.sending(5, now=0)
    books.sending(10, now=1)
    books.answered()
    books.front_moved(12, now=2, starts=0)
    assert books.own == 3
    books.front_moved(100, now=3, starts=0)
    assert books.own == 0


def test_what_another_ownership_may_have_moved_pays_no_confirm_of_ours() -> None:
    """Ours may then still be under way when the reserve for the other one is over."""
    books = account()
    books.sending(5, now=0)
    books.sending(10, now=1)
    books.answered()
    books.front_moved(15, now=2, starts=1)
    assert books.own == 5
    books.front_moved(5, now=3, starts=0)
    assert books.own == 5, "since the probe before, when there was another one"
    books.front_moved(5, now=4, starts=0)
    assert books.own == 0


def test_after_the_quarantine_a_confirm_has_arrived_or_never_will() -> None:
    """An hour later nothing is held back for it."""
    books = account()
    books.sending(10, now=0)
    books.front_moved(0, now=3600, starts=0)
    assert books.own == 10
    books.front_moved(0, now=3600.1, starts=0)
    assert books.own == 0


@given(
    st.integers(1, 100),
    st.lists(st.tuples(st.sampled_from(["send", "answer", "lose", "move"]), st.integers(0, 300)), max_size=40),
    st.integers(0, 1000),
    st.integers(0, 3),
)
def test_never_more_than_is_committed(page_size: int, events: list[tuple[str, int]], debt: int, starts: int) -> None:
    """Whatever happened: this confirm and all that may still arrive stay below what is committed."""
    books = Confirmation(page_size, 3600)
    for event, number in events:
        if event == "move":
            books.front_moved(number, now=0, starts=0)
        elif (count := books.allowed(number, 0)) > 0:
            books.sending(count, now=0)
            if event == "answer":
                books.answered()
            elif event == "lose":
                books.never_sent()
    allowed = books.allowed(debt, starts)
    assert 0 <= allowed <= page_size
    assert allowed == 0 or allowed + books.own + 2 * page_size * starts < debt
    assert books.allowed(books.enough(starts), starts) == books.allowed(10**9, starts)
