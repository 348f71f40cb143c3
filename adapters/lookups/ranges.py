"""Facts from a TSV file of address ranges, as iptoasn.com gives it out.

A line is first address, last address, AS number, country code and name of the AS; AS 0 is not routed. Both families
may stand in one file, in any order; the ranges of a family do not overlap.
"""

import socket
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from adapters.lookups.countries import country_name
from adapters.lookups.files import NOTHING, About, UnusableFileError
from engine.sighting import Facts

KIND: Final = "ip2asn"
LINE_LIMIT: Final = 1_024
RANGE_LIMIT: Final = 5_000_000
ASN_LIMIT: Final = 2**32
CODE_SIZE: Final = 2
_NUMBER_SIZE: Final = 4


class Ranges:
    """The ranges of one family, sorted: first address, last address and the number of the record, as one text of bytes.

    `size` is that of an address. As a sequence it consists of the ranges' first addresses.
    """

    def __init__(self, size: int, rows: list[bytes]) -> None:
        rows.sort()
        self._size = size
        self._row_size = 2 * size + _NUMBER_SIZE
        self._rows = b"".join(rows)

    def __len__(self) -> int:
        return len(self._rows) // self._row_size

    def __getitem__(self, place: int) -> bytes:
        start = place * self._row_size
        return self._rows[start : start + self._size]

    def find(self, address: bytes) -> int | None:
        """The number of the record whose range holds the address."""
        place = bisect_right(self, address) - 1
        if place < 0:
            return None
        start = place * self._row_size
        last = self._rows[start + self._size : start + 2 * self._size]
        if address > last:
            return None
        return int.from_bytes(self._rows[start + 2 * self._size : start + self._row_size], "big")


class _Content(NamedTuple):
    ranges: dict[socket.AddressFamily, Ranges]
    records: list[Facts]


class RangesFile:
    """One file, read into memory: 12 bytes for a range of IPv4, 36 for one of IPv6, and every AS once."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises UnusableFileError when it is missing, or no such file."""
        self.path = path
        try:
            built_at = path.stat().st_mtime
            with path.open("rb") as lines:
                self._ranges, self._records = _read(iter(lambda: lines.readline(LINE_LIMIT), b""))
        except OSError as error:
            raise UnusableFileError(f"cannot be read: {error.strerror or error}") from None
        self.about = About(KIND, built_at, sum(len(ranges) for ranges in self._ranges.values()))
        if not self.about.entries:
            raise UnusableFileError("not a usable TSV file: it holds no range")

    def __repr__(self) -> str:
        return f"<RangesFile {self.path}>"

    def facts(self, ip: str) -> Facts:
        """What the file says about one address."""
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        try:
            number = self._ranges[family].find(socket.inet_pton(family, ip))
        except (OSError, ValueError):  # no address
            return NOTHING
        return NOTHING if number is None else self._records[number]

    def check(self, ip: str) -> Facts:
        """The same: what could be read at all has been read whole."""
        return self.facts(ip)


def _read(lines: Iterable[bytes]) -> _Content:
    rows: dict[socket.AddressFamily, list[bytes]] = {socket.AF_INET: [], socket.AF_INET6: []}
    numbers: dict[bytes, int | None] = {}
    records: list[Facts] = []
    for line_number, line in enumerate(lines, 1):
        try:
            first, last, about = line.split(b"\t", 2)
            if about not in numbers:
                facts = _facts_of(about)
                numbers[about] = len(records) if facts != NOTHING else None
                records += [facts] if facts != NOTHING else []
            family, row = _row(first.decode(), last.decode())
        except ValueError as error:
            raise UnusableFileError(f"not a usable TSV file: line {line_number}: {error}") from None
        if line_number > RANGE_LIMIT:
            raise UnusableFileError(f"not a usable TSV file: more than {RANGE_LIMIT} ranges")
        if (number := numbers[about]) is not None:
            rows[family].append(row + number.to_bytes(_NUMBER_SIZE, "big"))
    sizes = {socket.AF_INET: 4, socket.AF_INET6: 16}
    return _Content({family: Ranges(sizes[family], of_family) for family, of_family in rows.items()}, records)


def _row(first: str, last: str) -> tuple[socket.AddressFamily, bytes]:
    family = socket.AF_INET6 if ":" in first else socket.AF_INET
    try:
        low, high = socket.inet_pton(family, first), socket.inet_pton(family, last)
    except OSError:
        raise ValueError("no range of addresses") from None
    if low > high:
        raise ValueError("a range that ends before it begins")
    return family, low + high


def _facts_of(about: bytes) -> Facts:
    """The facts of `number, country code, name`; of what is not routed there are none."""
    number, code, name = about.decode("utf-8", "replace").rstrip("\r\n").split("\t")
    if not (number.isascii() and number.isdigit() and int(number) < ASN_LIMIT):
        raise ValueError("no AS number")
    if int(number) == 0:
        return NOTHING
    is_code = len(code) == CODE_SIZE and code.isascii() and code.isupper()
    return Facts(
        country_code=code if is_code else None,
        country=country_name(code) if is_code else None,
        isp=name.strip() or None,
        asn=int(number),
    )
