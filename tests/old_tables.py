"""Tables as the replaced system made and filled them: narrow, nullable, one row at a time."""

from collections.abc import Callable

Rows = list[tuple[object, ...]]
Ask = Callable[[str], Rows]

OLD_NODES = """CREATE TABLE botnet_nodes_{kind} (
  id INT AUTO_INCREMENT PRIMARY KEY, ip VARCHAR(15) NOT NULL, longitude FLOAT, latitude FLOAT, country VARCHAR(50),
  province VARCHAR(50) NOT NULL DEFAULT '', city VARCHAR(50), continent VARCHAR(50), isp VARCHAR(50), asn VARCHAR(50),
  status ENUM('active', 'inactive', 'cleaned') DEFAULT 'active', first_seen TIMESTAMP NULL, last_seen TIMESTAMP NULL,
  cleaned_time TIMESTAMP NULL, communication_count INT DEFAULT 0, created_time TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, is_china BOOLEAN DEFAULT FALSE,
  UNIQUE KEY unique_ip (ip), KEY idx_country (country)
) DEFAULT CHARSET=utf8mb3"""
OLD_COMMUNICATIONS = """CREATE TABLE botnet_communications_{kind} (
  id INT AUTO_INCREMENT PRIMARY KEY, node_id INT NOT NULL, ip VARCHAR(15) NOT NULL,
  communication_time TIMESTAMP NOT NULL, received_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  longitude FLOAT, latitude FLOAT, country VARCHAR(50),
  province VARCHAR(50), city VARCHAR(50), continent VARCHAR(50), isp VARCHAR(50), asn VARCHAR(50),
  event_type VARCHAR(50) NOT NULL, status VARCHAR(20) DEFAULT 'active', is_china BOOLEAN DEFAULT FALSE,
  UNIQUE KEY idx_unique_communication (ip, communication_time),
  CONSTRAINT fk_{kind} FOREIGN KEY (node_id) REFERENCES botnet_nodes_{kind} (id)
) DEFAULT CHARSET=utf8mb3"""

NODE_COLUMNS = (
    "id, ip, longitude, latitude, country, province, city, continent, isp, asn, status, first_seen, last_seen, "
    "cleaned_time, communication_count, created_time, updated_at, is_china"
)
COMMUNICATION_COLUMNS = (
    "id, node_id, ip, communication_time, received_at, longitude, latitude, country, province, city, continent, isp, "
    "asn, event_type, status, is_china"
)


def fill(ask: Ask, kind: str, addresses: int, *, each: int = 5, charset: str = "utf8mb3") -> None:
    """Make both tables, with so many addresses and `each` sightings of every one, as counted by the nodes.

    Some facts are missing, some are empty texts, one in ten addresses is cleaned. Needs MariaDB's sequences.
    """
    for statement in (OLD_NODES, OLD_COMMUNICATIONS):
        ask(statement.format(kind=kind).replace("CHARSET=utf8mb3", f"CHARSET={charset}"))
    ip = "CONCAT_WS('.', 11 + n.seq DIV 65536, n.seq DIV 256 MOD 256, n.seq MOD 256, 1)"
    facts = (
        "n.seq / 7, NULL, IF(n.seq MOD 3, 'Réunion', NULL), 'Land', IF(n.seq MOD 5, 'Zürich', ''), 'Europe', "
        "CONCAT('ISP ', n.seq MOD 50), CONCAT('AS', n.seq MOD 50)"
    )
    begin = "TIMESTAMP'2025-01-01 00:00:00' + INTERVAL n.seq SECOND"
    ask(
        f"INSERT INTO botnet_nodes_{kind} ({NODE_COLUMNS}) SELECT n.seq, {ip}, {facts}, "
        f"IF(n.seq MOD 10, 'active', 'cleaned'), {begin}, {begin} + INTERVAL {each - 1} HOUR, "
        f"IF(n.seq MOD 10, NULL, {begin} + INTERVAL 1 DAY), {each}, {begin}, {begin}, n.seq MOD 2 "
        f"FROM seq_1_to_{addresses} n"
    )
    ask(
        f"INSERT INTO botnet_communications_{kind} ({COMMUNICATION_COLUMNS}) "
        f"SELECT (t.seq * {addresses}) + n.seq, n.seq, {ip}, {begin} + INTERVAL t.seq HOUR, {begin}, {facts}, "
        f"IF(n.seq MOD 2, 'http', ''), 'active', n.seq MOD 2 FROM seq_0_to_{each - 1} t, seq_1_to_{addresses} n"
    )
    # A server learns only by and by how many rows a new table has; an old one it knows.
    ask(f"ANALYZE TABLE botnet_nodes_{kind}, botnet_communications_{kind}")


def content(ask: Ask, kind: str) -> tuple[Rows, Rows]:
    """Every row of both tables, in the columns that they had from the beginning."""
    nodes = ask(f"SELECT {NODE_COLUMNS} FROM botnet_nodes_{kind} ORDER BY id")
    return nodes, ask(f"SELECT {COMMUNICATION_COLUMNS} FROM botnet_communications_{kind} ORDER BY id")
