"""The table of MySQL's errors, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sinks.mysql_errors import Trouble, advise, classify, translate
from engine.errors import RejectedError, UnavailableError

ROWS: dict[Trouble, list[int | None]] = {
    Trouble.TRANSIENT: [1213, 1205, 1020, 3572, 1412, 1467, 1969, 3024],
    Trouble.CONNECTION: [
        2002, 2003, 2005, 2006, 2013, 2014, 2027, 2055, 0, 1040, 1129, 1203, 1226, 1053, 1077,
        1152, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1317, 1927, 4031,
    ],
    Trouble.WITHHELD: [1290, 1792, 1836, 1047, 1180, 1021, 1114, 1030, 3100, 1037, 1038, 1041],
    Trouble.TOO_BIG: [1153, 1301],
    Trouble.BAD_ROW: [1406, 1264, 1265, 1292, 1366, 1367, 1048, 1364, 3819, 4025],
    Trouble.CONFIG: [1044, 1045, 1049, 1054, 1064, 1142, 1143, 1146, 1227, 1665, 1698, 2026, 2059],
    Trouble.UNKNOWN: [None, 1, 1062, 9999, -1],
}  # fmt: skip
ERRORS = {Trouble.TOO_BIG: True, Trouble.BAD_ROW: True, Trouble.UNKNOWN: False}


@pytest.mark.parametrize(("trouble", "code"), [(trouble, code) for trouble, codes in ROWS.items() for code in codes])
def test_every_code_has_its_class_and_its_error(trouble: Trouble, code: int | None) -> None:
    """What lies in the data is surely rejected, what nobody knows is not sure; the rest is waited for."""
    assert classify(code) is trouble
    error = translate(code, "text", "botnet", "db:3306/botnet")
    if trouble in ERRORS:
        assert isinstance(error, RejectedError)
        assert error.certain is ERRORS[trouble]
    else:
        assert isinstance(error, UnavailableError)
    assert "db:3306/botnet" in str(error)


@given(st.one_of(st.none(), st.integers(-10, 70_000)), st.text())
def test_no_code_and_no_text_breaks_the_translation(code: int | None, text: str) -> None:
    """Whatever a server says becomes one of two errors."""
    assert isinstance(translate(code, text, "botnet", "here"), RejectedError | UnavailableError)


def test_a_denied_command_names_the_right_and_the_user() -> None:
    """The advice is the statement that grants it."""
    said = "INSERT command denied to user 'engine'@'10.0.0.7' for table `botnet`.`dead_letters`"
    assert advise(1142, said, "botnet") == "GRANT INSERT ON `botnet`.* TO 'engine'@'10.0.0.7';"


def test_missing_database_and_full_connections_say_what_to_do() -> None:
    """Advice stands in brackets behind what the server said."""
    assert "CREATE DATABASE `botnet`" in str(translate(1049, "Unknown database 'botnet'", "botnet", "here"))
    assert "max_connections" in str(translate(1040, "Too many connections", "botnet", "here"))
    assert str(translate(0, "", "botnet", "here")) == "MySQL at here: the connection was lost"
