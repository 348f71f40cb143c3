"""The tables: names, columns, and how they are made in each dialect.

Secondary indexes: none beyond the unique keys, because each costs 6-12 % of the server's CPU and nothing here needs
one. `check` counts the last five minutes backwards along the primary key; rows of one address are found by
the unique keys; the ledger and the starts have keys of their own. Export by time goes along the primary key, too.
Whoever reads in other ways asks for what is in `indexes`.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b

from engine.errors import RejectedError
from engine.sighting import Facts

FORMAT = 1
"""The format of all tables. What carries no number is in the first."""

FACT_COLUMNS = (
    "longitude", "latitude", "country", "country_code", "province", "city", "continent", "isp", "asn", "is_china",
)  # fmt: skip
"""In the order in which `fact_values` gives them."""

FactValue = str | int | float | None

TEXT_COLUMNS = ("country", "country_code", "province", "city", "continent", "isp")

_BOTNET_TYPE = re.compile(r"\A[a-z0-9_]{1,40}\Z")
_ADDRESSES = re.compile(r"[0-9a-f.:\n]*")
_TIMES = re.compile(r"[0-9 :\n-]*")


def is_botnet_type(text: str) -> bool:
    """Whether it may be part of a table's name."""
    return _BOTNET_TYPE.match(text) is not None


def check_botnet_type(botnet_type: str) -> str:
    """Return it if it may be part of a table's name. Raises RejectedError."""
    if not is_botnet_type(botnet_type):
        raise RejectedError(f"botnet type {botnet_type[:60]!r} is not of the form [a-z0-9_]{{1,40}}")
    return botnet_type


def check_texts(addresses: Sequence[str], times: Sequence[str]) -> None:
    """Refuse what can be no address or time; both are written without quoting them. Raises RejectedError."""
    for texts, pattern in ((addresses, _ADDRESSES), (times, _TIMES)):
        joined = "\n".join(texts)
        if pattern.fullmatch(joined) is None or joined.count("\n") != max(len(texts) - 1, 0):
            wrong = next(text for text in texts if pattern.fullmatch(text) is None or "\n" in text)
            raise RejectedError(f"{wrong[:60]!r} is not an address or a time in canonical form")


def digest_of(original: bytes) -> str:
    """What tells apart two records that claim the same position; the same one read again has the same."""
    return blake2b(original, digest_size=16).hexdigest()


def count_letters(limit: int) -> str:
    """The statement that counts the dead letters, and looks at no more than `limit` of them."""
    return f"SELECT COUNT(*) FROM (SELECT 1 FROM dead_letters LIMIT {limit:d}) AS letters"  # noqa: S608 - a number


def nodes_table(botnet_type: str) -> str:
    """The name of the table of addresses."""
    return f"botnet_nodes_{check_botnet_type(botnet_type)}"


def communications_table(botnet_type: str) -> str:
    """The name of the table of sightings."""
    return f"{COMMUNICATIONS_PREFIX}{check_botnet_type(botnet_type)}"


COMMUNICATIONS_PREFIX = "botnet_communications_"


def fact_values(facts: Facts) -> tuple[FactValue, ...]:
    """The values of `FACT_COLUMNS`."""
    china = facts.is_china
    return (
        facts.longitude, facts.latitude, facts.country, facts.country_code, facts.province, facts.city,
        facts.continent, facts.isp, facts.asn, None if china is None else int(china),
    )  # fmt: skip


_IP = "VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin"
_MYSQL_FACTS = """
  longitude DOUBLE NULL,
  latitude DOUBLE NULL,
  country VARCHAR(100) NULL,
  country_code CHAR(2) CHARACTER SET ascii NULL,
  province VARCHAR(128) NULL,
  city VARCHAR(128) NULL,
  continent VARCHAR(32) NULL,
  isp VARCHAR(255) NULL,
  asn INT UNSIGNED NULL,
  is_china BOOLEAN NULL"""
_STATUS = "ENUM('active', 'inactive', 'cleaned') NOT NULL DEFAULT 'active'"
_BASE = "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_WIDE = "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4"


def mysql_tables(botnet_type: str) -> tuple[str, str]:
    """The statements that make both tables of a new botnet type."""
    nodes = f"""CREATE TABLE IF NOT EXISTS `{nodes_table(botnet_type)}` (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  ip {_IP} NOT NULL,{_MYSQL_FACTS},
  status {_STATUS},
  first_seen DATETIME NULL,
  last_seen DATETIME NULL,
  cleaned_time DATETIME NULL,
  communication_count BIGINT NOT NULL DEFAULT 0,
  created_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  UNIQUE KEY ip (ip)
) {_WIDE}"""
    communications = f"""CREATE TABLE IF NOT EXISTS `{communications_table(botnet_type)}` (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  node_id BIGINT UNSIGNED NOT NULL,
  ip {_IP} NOT NULL,
  communication_time DATETIME NOT NULL,
  received_at DATETIME NOT NULL,{_MYSQL_FACTS},
  event_type VARCHAR(255) NULL,
  status {_STATUS},
  UNIQUE KEY ip_communication_time (ip, communication_time)
) {_WIDE}"""
    return nodes, communications


TEXT_WIDTHS = {
    name: int(width) for name, width in re.findall(r"(\w+) (?:VAR)?CHAR\((\d+)\)", "".join(mysql_tables("x")))
}
"""How many characters the text columns of new tables hold."""

ASCII_COLUMNS = ("ip", "country_code")
"""Those of them that need no other characters."""

MYSQL_OWN_TABLES = {
    "dead_letters": f"""CREATE TABLE IF NOT EXISTS dead_letters (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  source VARCHAR(190) NOT NULL,
  epoch BIGINT NOT NULL,
  position VARCHAR(64) NOT NULL,
  digest CHAR(32) NOT NULL,
  stage VARCHAR(16) NOT NULL,
  reason VARCHAR(1000) NOT NULL,
  attempts INT NOT NULL,
  original LONGBLOB NOT NULL,
  botnet_type VARCHAR(40) NOT NULL,
  created_time DATETIME NOT NULL,
  UNIQUE KEY source_position_digest (source, position, digest)
) {_BASE}""",
    "engine_ledger": f"""CREATE TABLE IF NOT EXISTS engine_ledger (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  source VARCHAR(190) NOT NULL,
  epoch BIGINT NOT NULL,
  `first` BIGINT NOT NULL,
  `last` BIGINT NOT NULL,
  part INT NOT NULL,
  name VARCHAR(190) NOT NULL,
  botnet_type VARCHAR(40) NOT NULL,
  received INT NOT NULL,
  written INT NOT NULL,
  duplicates INT NOT NULL,
  rejected INT NOT NULL,
  created_time DATETIME NOT NULL,
  UNIQUE KEY name (name)
) {_BASE}""",
    "engine_starts": f"""CREATE TABLE IF NOT EXISTS engine_starts (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  source VARCHAR(190) NOT NULL,
  started_at DATETIME(6) NOT NULL,
  pending BOOLEAN NOT NULL,
  ended BOOLEAN NOT NULL DEFAULT FALSE,
  KEY source_started_at (source, started_at)
) {_BASE}""",
    "engine_trials": f"""CREATE TABLE IF NOT EXISTS engine_trials (
  name VARCHAR(190) NOT NULL PRIMARY KEY,
  record INT NOT NULL,
  trials INT NOT NULL
) {_BASE}""",
    "engine_format": f"""CREATE TABLE IF NOT EXISTS engine_format (
  id TINYINT NOT NULL PRIMARY KEY,
  version INT NOT NULL
) {_BASE}""",
}
