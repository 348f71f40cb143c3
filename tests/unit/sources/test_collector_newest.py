"""How far a collector reaches, by what its answers say."""

from adapters.sources.collector_json import Told
from adapters.sources.collector_newest import Newest


def after(told: Told, end: int, *, more: bool = True) -> Newest:
    """After a page of ten records that ends with this number."""
    newest = Newest()
    newest.page(told, end, 10, more=more)
    return newest


def test_the_lower_bound_is_taken() -> None:
    """The highest number of all, or as many more as are not confirmed; what nobody tells is not known."""
    assert after(Told(50, None), 30).number == 50
    assert after(Told(None, 15), 30).number == 35
    assert after(Told(50, 15), 30).number == 35
    assert after(Told(33, 15), 30).number == 33
    assert after(Told(), 30).number is None


def test_a_page_that_is_not_full_ends_with_the_newest() -> None:
    """Whatever it says: records that are there still, and those not confirmed, have been fetched."""
    assert after(Told(50, 15), 30, more=False).number == 30
    assert after(Told(), 30, more=False).number == 30


def test_nothing_is_below_the_end_of_the_page() -> None:
    """Not where the collector forgets what it gave out, nor where it miscounts."""
    assert after(Told(0, 3), 30).number == 30


def test_other_answers_tell_how_much_has_come() -> None:
    """Since the page; not by those that do not say, nor by a collector that was reset meanwhile."""
    newest = after(Told(50, 15), 30)
    for said, number in [(50, 35), (None, 35), (60, 45), (7, 45), (61, 46)]:
        newest.probe(Told(said))
        assert newest.number == number
    newest = after(Told(0, None), 30, more=False)
    newest.probe(Told(31))
    assert newest.number == 31


def test_before_the_first_page_the_highest_number_is_all_that_is_known() -> None:
    """And nothing where it is not told."""
    newest = Newest()
    newest.probe(Told(None, 5))
    assert newest.number is None
    newest.probe(Told(9, 5))
    newest.probe(Told(12, 5))
    assert newest.number == 12
