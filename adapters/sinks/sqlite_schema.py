"""The tables in SQLite: the same names and columns as in MySQL. Times are UTC texts, which sort as time.

The number of a dead letter is never given again (AUTOINCREMENT): somebody may still have it in hand.
"""

from adapters.sinks.schema import communications_table, nodes_table

_FACTS = """
  longitude REAL,
  latitude REAL,
  country TEXT,
  country_code TEXT,
  province TEXT,
  city TEXT,
  continent TEXT,
  isp TEXT,
  asn INTEGER,
  is_china INTEGER"""

OWN_TABLES = (
    """CREATE TABLE IF NOT EXISTS dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  position TEXT NOT NULL,
  digest TEXT NOT NULL,
  stage TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  original BLOB NOT NULL,
  botnet_type TEXT NOT NULL,
  created_time TEXT NOT NULL,
  UNIQUE (source, position, digest)
)""",
    """CREATE TABLE IF NOT EXISTS engine_ledger (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  part INTEGER NOT NULL,
  name TEXT NOT NULL UNIQUE,
  botnet_type TEXT NOT NULL,
  received INTEGER NOT NULL,
  written INTEGER NOT NULL,
  duplicates INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  created_time TEXT NOT NULL
)""",
    """CREATE TABLE IF NOT EXISTS engine_trials (
  name TEXT NOT NULL PRIMARY KEY,
  record INTEGER NOT NULL,
  trials INTEGER NOT NULL
)""",
    """CREATE TABLE IF NOT EXISTS engine_starts (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  started_at TEXT NOT NULL,
  pending INTEGER NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0
)""",
    "CREATE INDEX IF NOT EXISTS engine_starts_source_started_at ON engine_starts (source, started_at)",
)


def type_tables(botnet_type: str) -> tuple[str, str]:
    """The statements that make both tables of a botnet type."""
    nodes = f"""CREATE TABLE IF NOT EXISTS {nodes_table(botnet_type)} (
  id INTEGER PRIMARY KEY,
  ip TEXT NOT NULL UNIQUE,{_FACTS},
  status TEXT NOT NULL DEFAULT 'active',
  first_seen TEXT,
  last_seen TEXT,
  cleaned_time TEXT,
  communication_count INTEGER NOT NULL DEFAULT 0,
  created_time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)"""
    communications = f"""CREATE TABLE IF NOT EXISTS {communications_table(botnet_type)} (
  id INTEGER PRIMARY KEY,
  node_id INTEGER NOT NULL,
  ip TEXT NOT NULL,
  communication_time TEXT NOT NULL,
  received_at TEXT NOT NULL,{_FACTS},
  event_type TEXT,
  status TEXT NOT NULL DEFAULT 'active',
  UNIQUE (ip, communication_time)
)"""
    return nodes, communications
