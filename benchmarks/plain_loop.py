"""What somebody would write who needs no engine: read one from the stream, insert it, acknowledge it."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import iptocc
from redis import Redis

from adapters.lookups.countries import country_name
from adapters.sinks.schema import communications_table, nodes_table
from benchmarks.corpus import Seen
from benchmarks.figures import Figures
from benchmarks.ground import Ground, MysqlPlace, Work

if TYPE_CHECKING:
    from pymysql import Connection
    from pymysql.cursors import Cursor

GROUP, CONSUMER = "loop", "one"
Answer = Sequence[tuple[bytes, Sequence[tuple[bytes, dict[bytes, bytes]]]]]
"""Of XREADGROUP: streams, entries, fields."""


def run_plain_loop(ground: Ground, work: Work) -> Figures:
    """One run over a stream that holds everything. Raises AssertionError if it is not exact."""
    stream = ground.name()
    with ground.redis.connect() as client, ground.place(work.kinds) as place:
        assert isinstance(place, MysqlPlace)
        for record in work.corpus.records:
            client.xadd(stream, {"record": json.dumps(record)})
        client.xgroup_create(stream, GROUP, id="0")
        with place.server.connect(place.name) as connection:
            connection.autocommit(False)  # noqa: FBT003 - PyMySQL's interface
            began, spent = time.perf_counter(), time.process_time()
            while work_one(client, connection, stream):
                pass
            seconds, own = time.perf_counter() - began, time.process_time() - spent
        client.delete(stream)
        place.check(work.expected)
    return Figures(len(work.corpus), seconds, {"floor": own})


def work_one(client: Redis, connection: "Connection[Cursor]", stream: str) -> bool:
    """Take one, write it, acknowledge it; False when there is none."""
    answer = cast("Answer", client.xreadgroup(GROUP, CONSUMER, {stream: ">"}, count=1))
    if not answer:
        return False
    ((_, ((entry, fields),)),) = answer
    write(connection, Seen(*json.loads(fields[b"record"])))
    client.xack(stream, GROUP, entry)
    client.xdel(stream, entry)
    return True


def write(connection: "Connection[Cursor]", seen: Seen) -> None:
    """Node and communication in one transaction; nothing where the communication is there."""
    kind, ip, seen_at = seen
    code = iptocc.country_code(ip)
    country, china = (country_name(code), code == "CN") if code is not None else (None, None)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO `{nodes_table(kind)}` "
            "(ip, country, country_code, is_china, first_seen, last_seen, communication_count) "
            "VALUES (%s, %s, %s, %s, %s, %s, 1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), "
            "first_seen = LEAST(first_seen, VALUES(first_seen)), last_seen = GREATEST(last_seen, VALUES(last_seen)), "
            "communication_count = communication_count + 1",
            (ip, country, code, china, seen_at, seen_at),
        )
        inserted = cursor.execute(
            f"INSERT INTO `{communications_table(kind)}` "
            "(node_id, ip, communication_time, received_at, country, country_code, is_china) "
            "VALUES (%s, %s, %s, UTC_TIMESTAMP(), %s, %s, %s) ON DUPLICATE KEY UPDATE id = id",
            (cursor.lastrowid, ip, seen_at, country, code, china),
        )
    if inserted:
        connection.commit()
    else:
        connection.rollback()
