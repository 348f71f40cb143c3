"""The tables of the SQLite queue, step by step: each step makes the next version of the file of the one before."""

_FIRST = """
CREATE TABLE sources (
  source TEXT PRIMARY KEY,
  epoch INTEGER NOT NULL DEFAULT 0, sequence INTEGER NOT NULL DEFAULT 0, fingerprint INTEGER NOT NULL DEFAULT 0,
  owner TEXT, owned_until REAL NOT NULL DEFAULT 0, owned_seconds REAL NOT NULL DEFAULT 0
);
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, payload BLOB NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0, is_new INTEGER NOT NULL DEFAULT 1,
  owner TEXT, free_at REAL NOT NULL DEFAULT 0, lease_seconds REAL NOT NULL DEFAULT 0
);
CREATE INDEX deliveries_new ON deliveries (id) WHERE is_new = 1;
CREATE INDEX deliveries_claimed ON deliveries (id) WHERE is_new = 0;
CREATE INDEX deliveries_owned ON deliveries (owner) WHERE owner IS NOT NULL;
CREATE INDEX deliveries_outstanding ON deliveries (source, epoch, first);
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, payload BLOB NOT NULL,
  attempts INTEGER NOT NULL, reason TEXT NOT NULL, died_at TEXT NOT NULL
);
CREATE INDEX dead_letters_outstanding ON dead_letters (source, epoch, first);
CREATE TABLE marks (
  source TEXT NOT NULL, first INTEGER NOT NULL, marks BLOB NOT NULL, PRIMARY KEY (source, first)
) WITHOUT ROWID
"""

_RECEIPTS = """
CREATE TABLE receipts (
  delivery INTEGER PRIMARY KEY,
  source TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, put_at TEXT NOT NULL,
  is_dropped INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX receipts_put_at ON receipts (put_at)
"""

STEPS = (_FIRST, _RECEIPTS)
