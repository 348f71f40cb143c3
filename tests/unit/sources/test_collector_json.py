"""Every record of a hostile answer is read on its own."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources.collector_brackets import TOKEN_LIMIT, AnswerError
from adapters.sources.collector_json import RECORD_LIMIT, Record, Rows, Told, read_carefully, read_whole, shown
from engine.delivery import Unreadable

GOOD = '{{"ip": "8.8.8.{0}", "timestamp": "2026-11-20T00:00:01", "botnet_type": "ramnit", "seq_id": {0}}}'


def good(number: int) -> bytes:
    """A record as it should be."""
    return GOOD.format(number).encode()


def answer(elements: list[bytes]) -> bytes:
    """The answer whose list has these elements."""
    listed = b", ".join(elements)
    return b'{"success": true, "count": 1, "data": [%b], "records": [%b], "max_seq_id": 9}' % (listed, listed)


def read(body: bytes) -> Rows:
    """Read as the source does."""
    return read_whole(body) or read_carefully(body)


# Each is one element of the list, and the number that is known of it all the same.
HOSTILE: dict[str, tuple[bytes, int | None]] = {
    "NaN": (b'{"ip": NaN, "seq_id": 2}', 2),
    "minus infinity": (b"-Infinity", None),
    "invalid UTF-8": (b'{"seq_id": 2, "ip": "\xff\xfe"}', 2),
    "a lone surrogate": (b'{"ip": "\\ud800", "seq_id": 2}', 2),
    "5000 digits": (b'{"ip": ' + b"9" * 5000 + b', "seq_id": 2}', 2),
    "5000 digits elsewhere": (b'{"n": ' + b"9" * 5000 + b', "seq_id": 2, "ip": null}', 2),
    "1e999": (b'{"ip": 1e999, "seq_id": 2}', 2),
    "a raw NUL": (b'{"ip": "a\x00b", "seq_id": 2}', 2),
    "100,000 lists deep": (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "seq_id": 2}', 2),
    "10,000 objects deep": (b'{"x": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b', "seq_id": 2}', 2),
    "larger than 64 KiB": (b'{"seq_id": 2, "ip": "8.8.8.8", "x": "' + b"y" * 70_000 + b'"}', 2),
    "an address that is an object": (b'{"ip": {"a": [1, {}]}, "seq_id": 2}', 2),
    "a number": (b"5", None),
    "null": (b"null", None),
    "a text": (b'"8.8.8.8"', None),
    "a list": (b'[{"seq_id": 2}]', None),
    "nothing": (b"", None),
    "words": (b"no JSON at all", None),
    "a missing colon": (b'{"ip" "8.8.8.8", "seq_id": 2}', 2),
    "a number too large in what is broken": (b'{"ip": NaN, "seq_id": 9999999999999999}', None),
    "a number only further inside": (b'{"ip": NaN, "a": {"seq_id": 2}}', None),
    "a number only in a text": (b'{"ip": NaN, "a": "\\"seq_id\\": 2}"}', None),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_record_costs_no_neighbour(kind: str) -> None:
    """What is broken is unreadable with its own bytes and number; the records before and after it are read."""
    element, number = HOSTILE[kind]

    rows = read(answer([good(1), element, good(3)]))

    assert [type(record) for record in rows.records] == [Record, Unreadable, Record]
    assert list(rows.numbers) == [1, number, 3]
    assert list(rows.originals()) == [good(1), element[:RECORD_LIMIT], good(3)]


def test_a_record_that_is_too_large_says_so() -> None:
    """The reason names both sizes."""
    element, _ = HOSTILE["larger than 64 KiB"]
    (record,) = read(answer([element])).records
    assert isinstance(record, Unreadable)
    assert str(len(element)) in record.reason
    assert str(RECORD_LIMIT) in record.reason


@pytest.mark.parametrize(
    ("sent", "ip", "number"),
    [
        (b'{"source_ip": "8.8.8.8", "seq_id": 2}', "8.8.8.8", 2),
        (b'{"ip": null, "source_ip": "8.8.8.8", "seq_id": 2}', "8.8.8.8", 2),
        (b'{"ip": "8.8.4.4", "source_ip": "8.8.8.8", "_seq_id": 2}', "8.8.4.4", 2),
        (b'{"ip": "8.8.4.4", "_cache_id": 2}', "8.8.4.4", 2),
        (b'{"ip": "8.8.4.4", "seq_id": -1, "_seq_id": "x", "_cache_id": 2}', "8.8.4.4", 2),
        (b'{"ip": "8.8.4.4", "seq_id": true}', "8.8.4.4", None),
        (b'{"ip": "8.8.4.4", "seq_id": 1.0}', "8.8.4.4", None),
        (b'{"ip": "8.8.4.4", "seq_id": 9007199254740992}', "8.8.4.4", None),
        (b'{"ip": "8.8.4.4", "seq_id": 9007199254740991}', "8.8.4.4", 2**53 - 1),
        (b'{"source_ip": ["8.8.8.8"], "seq_id": 2}', None, 2),
        (b'{"ip": 7, "seq_id": 2, "other": [{}], "x": "\\u0000"}', 7, 2),
        (b"{}", None, None),
    ],
)
def test_fields_by_their_other_names(sent: bytes, ip: object, number: int | None) -> None:
    """Address and number are found under each name they have; what is no number of a record is none."""
    rows = read(answer([sent]))
    (record,) = rows.records
    assert isinstance(record, Record)
    assert (record.ip, rows.numbers[0]) == (ip, number)


def test_both_ways_of_reading_agree() -> None:
    """A page read at speed and the same page read with care are the same rows."""
    body = answer([good(number) for number in range(1, 200)])
    assert read_whole(body) == read_carefully(body)


def test_a_broken_neighbour_changes_no_fingerprint() -> None:
    """A record has the fingerprint it always had, however its page had to be read."""
    alone = read(answer([good(1)])).fingerprints[0]
    beside = read(answer([good(1), *(element for element, _ in HOSTILE.values())])).fingerprints[0]
    assert alone == beside


def test_the_list_under_its_older_name() -> None:
    """Where there is no `data`, `records` is read, also in an answer that is no JSON."""
    assert read(b'{"records": [%b]}' % good(1)).numbers == [1]
    assert read(b'{"records": [%b, NaN], "count": 2}' % good(1)).numbers == [1, None]


def test_a_list_that_came_whole_is_read_although_the_rest_was_cut_off() -> None:
    """`data` is complete, `records` is not needed."""
    body = answer([good(1), good(2)])
    assert read(body[: len(body) - 60]).numbers == [1, 2]


def test_a_large_answer_of_a_million_values_is_read_by_brackets() -> None:
    """What it would become in memory is never built; its records are read all the same."""
    junk = b'{"x": [' + b"10, " * 1_100_000 + b'1], "seq_id": 2}'
    body = b'{"success": true, "data": [%b, %b, %b]}' % (good(1), junk, good(3))
    assert read_whole(body) is None
    rows = read_carefully(body)
    assert rows.numbers == [1, 2, 3]
    assert isinstance(rows.records[1], Unreadable)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no complete list"),
        (b"[]", "no complete list"),
        (b"<html><body>Log in</body></html>", "<html>"),
        (answer([good(1), good(2)])[:100], "no complete list"),
        (b'{"success": true, "data": [{"ip": "8.8.8.8', "no complete list"),
        (b'{"success": true, "co', "no complete list"),
        (b'{"success": true, "data": [{"ip": 1]}]}', "no complete list"),
        (b'{"success": true, "count": 0}', "neither data nor records"),
        (b'{"success": true, "data": null}', "no complete list"),
        (b'{"success": true, "data": {"0": {}}}', "no complete list"),
        (b'{"success": false, "error": "database is locked", "data": []}', "database is locked"),
        (b'{"success": false, "error": "bad\\nline"}', "bad\\nline"),
        (b'{"success": false, "data": [NaN]}', "success is not true"),
        (b'{"success": 1, "data": []}', "success is 1"),
        (answer([b"1"] * 5002), "5002 records"),
        (answer([b"NaN"] * 5002), "more than the 5001"),
        (b'{"success": true, "data": [' + b"[" * (TOKEN_LIMIT + 1), "no complete list"),
    ],
)
def test_an_answer_that_is_no_page_is_refused(body: bytes, says: str) -> None:
    """The refusal says what came instead."""
    with pytest.raises(AnswerError) as refusal:
        read(body)
    assert says in str(refusal.value)


def test_an_answer_with_one_row_more_than_asked_for_is_a_page() -> None:
    """5001 rows are kept."""
    assert len(read(answer([good(1)] * 5001)).records) == 5001


ELEMENTS = st.one_of(
    st.integers(0, 255).map(good),
    st.sampled_from([element for element, _ in HOSTILE.values() if len(element) < 10_000]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["ip", "timestamp", "seq_id", "_seq_id", "source_ip", "x"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
)


@given(st.lists(ELEMENTS, min_size=1, max_size=12).filter(lambda elements: elements != [b""]))
def test_no_record_is_lost_or_moved(elements: list[bytes]) -> None:
    """Of any list of anything, every element becomes one row in its place, and the good ones are read."""
    rows = read(answer(elements))

    assert list(rows.originals()) == elements
    assert len(rows.records) == len(rows.numbers) == len(rows.fingerprints) == len(elements)
    for element, record in zip(elements, rows.records, strict=True):
        if element.startswith(b'{"ip": "8.8.8.'):
            assert record == read(answer([element])).records[0]
            assert isinstance(record, Record)


@given(
    st.lists(ELEMENTS, max_size=5),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=3)), max_size=6),
    st.integers(0, 3000),
)
def test_damaged_answers_never_crash_the_reader(
    elements: list[bytes], damages: list[tuple[int, bytes]], cut: int
) -> None:
    """Whatever bytes arrive, they are rows or one refusal, and every row is whole."""
    body = bytearray(answer(elements)[: cut or None])
    for place, damage in damages:
        body[place : place + len(damage)] = damage
    try:
        rows = read(bytes(body))
    except AnswerError:
        return
    assert len(rows.records) == len(rows.numbers) == len(rows.fingerprints) == len(rows.originals())
    assert all(0 < number < 2**53 for number in rows.numbers if number is not None)


@given(st.text() | st.binary(), st.integers(1, 300))
def test_what_the_other_side_said_is_fit_for_a_log(said: str | bytes, limit: int) -> None:
    """It is one short printable line, whatever was sent."""
    text = shown(said, limit)
    assert len(text) <= limit + 1
    assert text.rstrip("…").isascii()
    assert text.isprintable()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b'"global_max_seq_id": 12, "stats": {"cached_records": 7, "cache_full": false}', Told(12, 7)),
        (b'"global_max_seq_id": 0, "stats": {}', Told(0, None)),
        (b'"max_seq_id": 12', Told()),
        (b'"global_max_seq_id": 1e9, "stats": {"cached_records": -1}', Told()),
        (b'"global_max_seq_id": 99999999999999999999999, "stats": {"cached_records": true}', Told()),
        (b'"global_max_seq_id": [12], "stats": [7]', Told()),
        (b'"global_max_seq_id": {"a": {}}, "stats": {"cached_records": {}}', Told()),
        (b'"global_max_seq_id": null, "stats": null', Told()),
        (b'"global_max_seq_id": "\\ud800", "stats": "\xff"', Told()),
    ],
)
@pytest.mark.parametrize("record", [good(1), b"{}"], ids=["whole", "carefully"])
def test_what_it_says_of_the_whole_collector(said: bytes, told: Told, record: bytes) -> None:
    """Whole numbers that may be; whatever else stands there costs no record."""
    rows = read(b'{"success": true, "data": [%b], %b}' % (record, said))
    assert len(rows.records) == 1
    assert rows.told == told
    assert rows.without_first().told == told
