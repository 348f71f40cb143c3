"""The cursor follows the numbers of a page only where they can be believed."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.sources.collector_numbers import numbering
from engine.delivery import Cursor, Mark

START = Cursor(2, 100, 7)
ABSURD = 2**53 - 1


def prints_of(numbers: list[int | None]) -> list[int]:
    """A fingerprint for each, all different."""
    return [place * 11 for place in range(len(numbers))]


def test_an_ordinary_page() -> None:
    """Ascending numbers with gaps are all believed, each makes a mark, and the cursor goes to the last."""
    found = numbering([101, 105, 106], [1, 2, 3], START)
    assert found.sequences == [101, 105, 106]
    assert found.marks == [Mark(101, 1), Mark(105, 2), Mark(106, 3)]
    assert found.end == Cursor(2, 106, 3)


def test_an_empty_page() -> None:
    """The cursor stays where it is."""
    assert numbering([], [], START).end == START


def test_records_without_a_number() -> None:
    """They make no mark and move no cursor; the others do."""
    found = numbering([None, 101, None], [1, 2, 3], START)
    assert found.sequences == [None, 101, None]
    assert found.marks == [Mark(101, 2)]
    assert numbering([None, None], [1, 2], START).end == START


def test_an_absurdly_high_number_in_the_middle_skips_nothing() -> None:
    """It alone is not believed, and the cursor does not go there."""
    found = numbering([101, ABSURD, 102, 103], [1, 2, 3, 4], START)
    assert found.sequences == [101, None, 102, 103]
    assert found.end == Cursor(2, 103, 4)


def test_a_number_that_steps_back_is_not_believed() -> None:
    """The rows around it are."""
    found = numbering([101, 102, 5, 50, 103], [1, 2, 3, 4, 5], START)
    assert found.sequences == [101, 102, None, None, 103]
    assert found.end == Cursor(2, 103, 5)


def test_a_repeated_number_makes_one_mark() -> None:
    """The first of them wins, for the mark and for the cursor."""
    found = numbering([101, 101, 102, 102], [1, 2, 3, 4], START)
    assert found.sequences == [101, 101, 102, 102]
    assert found.marks == [Mark(101, 1), Mark(102, 3)]
    assert found.end == Cursor(2, 102, 3)


@given(st.lists(st.none() | st.integers(1, 300) | st.just(ABSURD), max_size=60))
def test_the_cursor_never_goes_back_and_marks_ascend(numbers: list[int | None]) -> None:
    """Of any numbers: marks ascend above the start, the end is the last of them, what is believed was sent so."""
    found = numbering(numbers, prints_of(numbers), START)

    sequences = [mark.sequence for mark in found.marks]
    assert sequences == sorted(set(sequences))
    assert all(sequence > START.sequence for sequence in sequences)
    assert found.end == (Cursor(2, *found.marks[-1]) if found.marks else START)
    believed = [sequence for sequence in found.sequences if sequence is not None]
    assert believed == sorted(believed)
    assert all(sequence in {None, number} for sequence, number in zip(found.sequences, numbers, strict=True))


@given(st.lists(st.integers(101, 10_000), unique=True, min_size=3, max_size=50).map(sorted), st.data())
def test_one_wrong_number_among_many_moves_only_itself(numbers: list[int], data: st.DataObject) -> None:
    """Whatever number one record before the last carries, every other record keeps its own and the end is the same."""
    place = data.draw(st.integers(0, len(numbers) - 2))
    wrong = data.draw(
        st.integers(1, ABSURD).filter(lambda number: not numbers[place - 1] < number < numbers[place + 1])
    )
    sent: list[int | None] = [*numbers[:place], wrong, *numbers[place + 1 :]]

    found = numbering(sent, prints_of(sent), Cursor(0, 100, 0))

    assert found.end.sequence == numbers[-1]
