"""Ledger rows by the names of batches: a piece of a batch has the name of the whole, and its span behind it. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from engine.audit import LedgerRow

NAMES_AT_ONCE = 200

_PIECE = re.compile(r"(.*)\[(\d+):(\d+)\]", re.DOTALL)


def chunks(names: Collection[str]) -> Iterator[Sequence[str]]:
    """The names in their order, as many at once as one question may carry."""
    ordered = iter(sorted(names))
    while chunk := list(islice(ordered, NAMES_AT_ONCE)):
        yield chunk


def pieces_of(name: str) -> tuple[str, str]:
    """The least name of a piece, and what is above all of them."""
    return f"{name}[", f"{name}\\"


def ledger_row(name: str, received: int, written: int, duplicates: int, rejected: int) -> LedgerRow:
    """A row as the audit reads it."""
    piece = _PIECE.fullmatch(name)
    if piece is None:
        return LedgerRow(name, None, None, received, written, duplicates, rejected)
    whole, begin, end = piece.groups()
    return LedgerRow(whole, int(begin), int(end), received, written, duplicates, rejected)
