"""One blocking MySQL connection: PyMySQL, with rows sent from memory, and its parser's accidents made one error."""

import contextlib
import ssl
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pymysql
from pymysql.constants import COMMAND, CR

from adapters.sinks.mysql_errors import LOAD_REFUSED

if TYPE_CHECKING:
    import socket
    from io import BufferedReader

    from pymysql.protocol import MysqlPacket, OKPacketWrapper

LARGEST_STATEMENT = 1 << 20


class Warned(NamedTuple):
    """A warning of the server."""

    code: int
    text: str


class Loaded(NamedTuple):
    """What became of rows: how many went in, and what was wrong with others."""

    inserted: int
    warnings: list[Warned]


class Wire(pymysql.Connection):
    """A PyMySQL connection that sends rows for LOAD DATA from memory, and no file of this machine to anybody.

    Every method blocks and raises `pymysql.err.Error` or `OSError` only.
    """

    statement_limit = LARGEST_STATEMENT
    """How many bytes one statement, or one packet of rows, may have."""
    can_load = True
    """Whether the server takes LOAD DATA LOCAL; found out once per connection."""

    if TYPE_CHECKING:
        # What PyMySQL calls internal, and has kept since 0.7.
        _sock: socket.socket | None
        _rfile: BufferedReader

        def _read_packet(self, packet_type: type["MysqlPacket"] = ...) -> "MysqlPacket": ...
        def _read_ok_packet(self) -> "OKPacketWrapper": ...
        def _force_close(self) -> None: ...

    def _create_ssl_ctx(self, sslp: object) -> ssl.SSLContext:
        """The TLS that was asked for, or, where the server may choose, one that checks nothing."""
        return sslp if isinstance(sslp, ssl.SSLContext) else _unchecked_tls()

    def execute(self, sql: str | bytes) -> int:
        """Run one statement; return the affected rows."""
        with sound():
            return self.query(sql)

    def rows(self, sql: str) -> tuple[tuple[object, ...], ...]:
        """Run one query; return its rows."""
        with sound(), self.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def number(self, sql: str) -> int:
        """Run a query whose answer is one whole number."""
        with sound():
            return int(str(self.rows(sql)[0][0]))

    def load(self, sql: str, rows: bytes) -> Loaded | None:
        """Run a LOAD DATA LOCAL with `rows` as the file; None where the server does not allow it.

        LOCAL turns errors in rows into warnings, of which the session's `max_error_count` are kept.
        """
        try:
            with sound():
                inserted, warnings = self._send_rows(sql, rows)
        except pymysql.err.Error as error:
            if error_code(error) in LOAD_REFUSED:
                return None
            raise
        said = self.rows("SHOW WARNINGS") if warnings else ()
        return Loaded(inserted, [Warned(int(str(code)), str(text)) for _, code, text in said])

    def _send_rows(self, sql: str, rows: bytes) -> tuple[int, int]:
        # PyMySQL itself would open the file that the *server* names. It is not told that LOCAL is on (only the
        # server is), so it refuses every such request; this is the one place that answers it, from memory.
        self._execute_command(COMMAND.COM_QUERY, sql)
        packet = self._read_packet()
        if not packet.is_load_local_packet():
            raise pymysql.err.OperationalError(CR.CR_MALFORMED_PACKET, "the server does not ask for the rows")
        return self._hand_over(rows)

    def _hand_over(self, rows: bytes) -> tuple[int, int]:
        """Send the rows that the server has asked for; return how many went in, and how many warnings there are."""
        for start in range(0, len(rows), self.statement_limit):
            self.write_packet(rows[start : start + self.statement_limit])
        self.write_packet(b"")
        answer = self._read_ok_packet()
        return answer.affected_rows, answer.warning_count

    def _execute_command(self, command: int, sql: str) -> None:
        """Refuse to ask while an answer lies there that nobody asked for: it would be taken for the one to this."""
        if self._sock is not None and self._has_unread(self._sock):
            raise pymysql.err.OperationalError(CR.CR_MALFORMED_PACKET, "the server gave an answer to no question")
        super()._execute_command(command, sql)  # type: ignore[misc]  # the stubs leave out what is internal

    def _has_unread(self, connected: "socket.socket") -> bool:
        patience = connected.gettimeout()
        connected.settimeout(0)
        try:
            return bool(self._rfile.peek(1))
        except ssl.SSLWantReadError:
            return False
        finally:
            connected.settimeout(patience)

    def commit(self) -> None:
        """Commit."""
        with sound():
            super().commit()

    def rollback(self) -> None:
        """Roll back."""
        with sound():
            super().rollback()


@cache
def _unchecked_tls() -> ssl.SSLContext:
    """Made once, and without reading the system's certificates, as PyMySQL would: that takes a third of a second."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def sound() -> Iterator[None]:
    """What PyMySQL makes of an answer that is no MySQL is an accident of its parser: make it one error."""
    try:
        yield
    except (pymysql.err.Error, OSError):
        raise
    except Exception as error:
        raise pymysql.err.OperationalError(CR.CR_MALFORMED_PACKET, f"the answer is not MySQL: {error!r}") from error


def error_code(error: BaseException) -> int | None:
    """The server's code of a PyMySQL error; that of a lost connection for an error of the system."""
    if isinstance(error, OSError):
        return CR.CR_SERVER_LOST
    code = error.args[0] if error.args else None
    if isinstance(code, int):
        return code
    # PyMySQL's own complaints about the protocol have no code.
    return CR.CR_MALFORMED_PACKET if isinstance(error, pymysql.err.InternalError) else None
