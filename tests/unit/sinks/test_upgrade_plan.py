"""What old tables need, from what servers show of them: MySQL's way of writing it, and MariaDB's."""

import re
from collections.abc import Sequence

import pytest
from attrs import evolve

from adapters.sinks.mysql_layout import Column, Table
from adapters.sinks.upgrade_plan import Change, OldTable, change_of_communications, change_of_nodes
from engine.errors import ConfigError

MYSQL_8 = """CREATE TABLE `botnet_nodes_mirai` (
  `id` int NOT NULL AUTO_INCREMENT,
  `ip` varchar(15) COLLATE utf8mb4_0900_ai_ci NOT NULL,
  `longitude` float DEFAULT NULL,
  `latitude` float DEFAULT NULL,
  `country` varchar(50) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci DEFAULT NULL,
  `country_code` char(2) CHARACTER SET ascii COLLATE ascii_general_ci DEFAULT NULL,
  `province` varchar(128) COLLATE utf8mb4_0900_ai_ci DEFAULT NULL,
  `city` varchar(50) CHARACTER SET latin1 COLLATE latin1_german2_ci NOT NULL DEFAULT 'a,b' COMMENT 'it''s `here`, and (there)',
  `continent` varchar(50) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci DEFAULT NULL /*!80023 INVISIBLE */,
  `isp` text CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci,
  `asn` int DEFAULT NULL,
  `is_china` tinyint(1) DEFAULT '0',
  `status` enum('active','inactive','cleaned') COLLATE utf8mb4_0900_ai_ci DEFAULT 'active',
  `first_seen` timestamp NULL DEFAULT NULL,
  `last_seen` timestamp NULL DEFAULT NULL,
  `cleaned_time` timestamp NULL DEFAULT NULL,
  `communication_count` int DEFAULT '0',
  `created_time` timestamp NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `unique_ip` (`ip`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci"""  # noqa: E501 - as the server writes it
KNOWN = {"utf8mb4_general_ci", "utf8mb4_german2_ci", "utf8mb4_0900_ai_ci"}
LINE = re.compile(r"^  `(\w+)` (\w+)(?:\((\d+)\))?(?: CHARACTER SET (\w+))?(?: COLLATE (\w+))?(.*?),?$", re.MULTILINE)


def old(shown: str, *, engine: str = "InnoDB", keys: Sequence[tuple[str, ...]] = (("ip",),)) -> OldTable:
    """A table of which the server shows this."""
    columns, collations = {}, {}
    for name, kind, length, charset, collation, rest in LINE.findall(shown):
        is_text = kind in {"varchar", "char", "text"}
        width = 65_535 if kind == "text" else int(length or 0)
        columns[name] = Column(
            name=name,
            length=width if is_text else None,
            charset=(charset or "utf8mb4") if is_text else None,
            nullable="NOT NULL" not in rest,
        )
        if is_text:
            collations[name] = collation
    table = Table("botnet_nodes_mirai", engine, columns, {f"k{place}": key for place, key in enumerate(keys)})
    return OldTable(table, shown, collations)


def clauses_of(table: OldTable) -> list[str]:
    """What the table of nodes needs."""
    change = change_of_nodes("mirai", table, KNOWN)
    return [] if change is None else list(change.clauses)


def test_a_table_as_mysql_shows_it() -> None:
    """Narrow columns become wide, others stay; default, comment and what only MySQL writes are kept."""
    assert sorted(clauses_of(old(MYSQL_8))) == [
        "MODIFY asn INT UNSIGNED DEFAULT NULL",
        (
            "MODIFY city VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_german2_ci NOT NULL DEFAULT 'a,b'"
            " COMMENT 'it''s `here`, and (there)'"
        ),
        (
            "MODIFY continent varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci DEFAULT NULL"
            " /*!80023 INVISIBLE */"
        ),
        "MODIFY country VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci DEFAULT NULL",
        "MODIFY id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT",
        "MODIFY ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NOT NULL",
        "MODIFY isp text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    ]


@pytest.mark.parametrize(
    ("shown", "is_altered"),
    [
        ("int(11)", True), ("int", True), ("mediumint(8) unsigned", True), ("smallint", True),
        ("int(10) unsigned", False), ("int unsigned", False), ("bigint(20)", False), ("varchar(50)", False),
    ],
)  # fmt: skip
def test_numbers_of_networks(shown: str, *, is_altered: bool) -> None:
    """They go up to 4,294,967,295: what is smaller is widened, what is large enough stays."""
    clauses = clauses_of(old(MYSQL_8.replace("`asn` int ", f"`asn` {shown} ")))
    assert ("MODIFY asn INT UNSIGNED DEFAULT NULL" in clauses) == is_altered


@pytest.mark.parametrize(("shown", "is_altered"), [("int", True), ("int(10) unsigned", True), ("bigint(20)", False)])
def test_ids(shown: str, *, is_altered: bool) -> None:
    """They become large enough for ever, but for those that a foreign key ties to others."""
    table = old(MYSQL_8.replace("`id` int ", f"`id` {shown} "))
    assert ("MODIFY id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT" in clauses_of(table)) == is_altered
    assert not any("MODIFY id" in clause for clause in clauses_of(evolve(table, tied={"id"})))


def test_a_collation_that_the_server_has_not_in_utf8mb4() -> None:
    """The order of texts is then that of the general one."""
    clauses = clauses_of(old(MYSQL_8.replace("latin1_german2_ci", "latin1_spanish_ci")))
    assert any("city VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci" in clause for clause in clauses)


def test_missing_keys_and_transactions() -> None:
    """Both come with the rest, in the same statement."""
    change = change_of_nodes("mirai", old(MYSQL_8, engine="MyISAM", keys=[("ip", "id")]), KNOWN)
    assert change is not None
    assert change.clauses[0] == "ENGINE = InnoDB"
    assert change.clauses[-1] == "ADD UNIQUE KEY unique_ip (ip)"
    assert change.keys == [("ip",)]
    assert change.statement.startswith("ALTER TABLE `botnet_nodes_mirai`\n  ENGINE = InnoDB,\n  MODIFY id")


def test_missing_columns() -> None:
    """They are added, and may be NULL where new tables have no default."""
    without = re.sub(r"  `(city|updated_at)`.*\n", "", MYSQL_8)
    clauses = clauses_of(old(without))
    assert "ADD COLUMN city VARCHAR(128) CHARACTER SET utf8mb4 NULL" in clauses
    (updated,) = [clause for clause in clauses if "updated_at" in clause]
    assert updated.endswith("NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")


def test_a_missing_table_is_made() -> None:
    """As the engine makes it."""
    change = change_of_communications("mirai", None, KNOWN)
    assert change is not None
    assert change.table == "botnet_communications_mirai"
    assert change.statement.startswith("CREATE TABLE IF NOT EXISTS `botnet_communications_mirai`")


def test_a_table_that_cannot_be_counted_in() -> None:
    """What is missing is named."""
    with pytest.raises(ConfigError, match="botnet_nodes_mirai lacks the columns first_seen, communication_count"):
        clauses_of(old(re.sub(r"  `(first_seen|communication_count)`.*\n", "", MYSQL_8)))


def test_nothing_to_do() -> None:
    """A change without clauses does not exist."""
    wide = "\n".join(
        re.sub(r"^  `(\w+)` varchar\(\d+\).*", r"  `\1` varchar(255) DEFAULT NULL,", line)
        for line in MYSQL_8.replace("`isp` text CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci", "`isp` text")
        .replace("`asn` int ", "`asn` bigint ")
        .replace("`id` int ", "`id` bigint ")
        .splitlines()
    ).replace("`ip` varchar(255)", "`ip` varchar(45) COLLATE ascii_bin")
    assert clauses_of(old(wide)) == []
    assert Change("x", ["a", "b"]).statement == "ALTER TABLE `x`\n  a,\n  b"
