"""Finds the records of an answer that is no valid JSON by counting brackets outside of strings. Pure.

One loop and a stack of bytes, so that neither depth nor damage inside a record matters.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

ROW_LIMIT = 5001
# A second or so of work: an honest answer has less than a hundred tokens a record.
TOKEN_LIMIT = 4_000_000

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_FLAT = rb'(?:[^\[\]{}"]++|%s)*+' % _STRING
_TOKEN = re.compile(rb'%s|["\[\]{},]' % _STRING, re.DOTALL)
_ELEMENT_TOKEN = re.compile(rb'\{%s\}|\[%s\]|%s|["\[\]{},]' % (_FLAT, _FLAT, _STRING), re.DOTALL)
_KEY = re.compile(rb'"(data|records|success)"[ \t\r\n]*+:[ \t\r\n]*+(\[|[a-z]*+)')
_NUMBER = re.compile(rb'"(?:seq_id|_seq_id|_cache_id)"[ \t\r\n]*+:[ \t\r\n]*+([0-9]{1,16})[ \t\r\n]*+[,}]')
_LAST_NUMBER = re.compile(rb'"(?:seq_id|_seq_id|_cache_id)"[ \t\r\n]*+:[ \t\r\n]*+([0-9]{1,16})[ \t\r\n]*+\}\Z')
_TAIL = 64
_BLANK = b" \t\r\n"
_OPEN = b"[{"
_CLOSE = {b"]": b"["[0], b"}": b"{"[0]}
_UNPAIRED = b'"'


class AnswerError(Exception):
    """The answer is no page: the text says what it is instead."""


class NoEndError(AnswerError):
    """The answer has a list of records, and nobody can say where it ends: cut off, or brackets do not match in it.

    Nothing of it is taken: where a bracket is missing, any boundary between its records would be a guess.
    """


def slices_by_brackets(body: bytes) -> Sequence[bytes]:
    """The bytes of every record of `data`, or else of `records`. Raises AnswerError or, more exactly, NoEndError."""
    found: Sequence[bytes] | None = None
    refusal: type[AnswerError] = AnswerError
    for token in _outer_strings(body, len(body)):
        key = _KEY.match(body, token.start())
        if key is None:
            continue
        if key[1] == b"success":
            if key[2] != b"true":
                raise AnswerError("success is not true")
        elif key[2] == b"[":
            found, refusal = _elements(body, key.end()), NoEndError
            if key[1] == b"data" or found is None:
                break
    if found is None:
        raise refusal(f"no complete list of records in the answer, which begins {body[:40]!a}")
    return found


def salvaged_number(record: bytes, limit: int) -> int | None:
    """The number of a record that cannot be read, looked for at its very end and in its first `limit` bytes."""
    if record[:1] == b"{":
        last = _LAST_NUMBER.search(record, max(0, len(record) - _TAIL))
        if last is not None:
            return int(last[1])
        for token in _outer_strings(record, limit):
            found = _NUMBER.match(record, token.start())
            if found is not None:
                return int(found[1])
    return None


def _outer_strings(text: bytes, limit: int) -> Iterator[re.Match[bytes]]:
    """The strings directly inside the outermost brackets, up to the first that has no end."""
    depth = 0
    for token in islice(_TOKEN.finditer(text, 0, limit), TOKEN_LIMIT):
        found = token.group()
        if found in _OPEN:
            depth += 1
        elif found in _CLOSE:
            depth -= 1
        elif found == _UNPAIRED:
            return
        elif depth == 1 and found != b",":
            yield token


def _elements(body: bytes, begin: int) -> Sequence[bytes] | None:
    """The elements of the list whose first byte is at `begin`; None where it has no end. Raises AnswerError."""
    elements: list[bytes] = []
    for separator in _separators(body, begin):
        element = body[begin : separator.start()].strip(_BLANK)
        is_last = separator.group() != b","
        if element or elements or not is_last:
            elements.append(element)
        if len(elements) > ROW_LIMIT:
            raise AnswerError(f"more than the {ROW_LIMIT} records a page may have")
        if is_last:
            return elements
        begin = separator.end()
    return None


def _separators(body: bytes, begin: int) -> Iterator[re.Match[bytes]]:
    """The commas of a list, then its closing bracket, unless brackets do not match or a string has no end."""
    opened = bytearray(b"[")
    for token in islice(_ELEMENT_TOKEN.finditer(body, begin), TOKEN_LIMIT):
        found = token.group()
        if found in _OPEN:
            opened += found
        elif found in _CLOSE:
            if opened.pop() != _CLOSE[found]:
                return
            if not opened:
                yield token
                return
        elif found == _UNPAIRED:
            return
        elif found == b"," and len(opened) == 1:
            yield token
