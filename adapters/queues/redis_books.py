"""Receipts and dead letters of a queue in Redis. No engine opens anything here: no lease is touched."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from attrs import define

from adapters.formats import check_format
from adapters.queues.aio import RedisServer, open_server
from adapters.queues.codec import decoded
from adapters.queues.receipts import entry_at, lines_of, moment_of
from adapters.queues.redis_checks import FORMAT, format_of
from adapters.queues.redis_client import Limits
from adapters.queues.redis_errors import refusals_as_config_errors
from adapters.queues.redis_keys import Keys
from adapters.queues.scripts import Script
from engine.audit import DEAD, DROPPED, QUEUED, SETTLED, Receipt
from engine.dead_letters import QueueLetter

PAGES_AT_ONCE = 100

_STATES = {"q": QUEUED, "d": DEAD, "s": SETTLED}

READ = Script("""
-- KEYS: receipts stream dead   ARGV: from-id to-id count
-- returns {id, what, text, a letter for each batch: queued, dead or settled}*
local dead, answer = {}, {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[3], '-', '+')) do
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'delivery' then dead[entry[2][i + 1]] = true end
  end
end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])) do
  local states = {}
  if entry[2][1] == 'put' then
    for line in string.gmatch(entry[2][2], '[^\\n]+') do
      local id = string.match(line, '^%S+')
      local state = 's'
      if redis.call('XRANGE', KEYS[2], id, id)[1] then state = 'q' elseif dead[id] then state = 'd' end
      states[#states + 1] = state
    end
  end
  answer[#answer + 1] = {entry[1], entry[2][1], entry[2][2], table.concat(states)}
end
return answer
""")

DROP = Script("""
-- KEYS: dead outstanding receipts   ARGV: id delivery
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('XADD', KEYS[3], '*', 'dropped', ARGV[2])
return 1
""")


@define(eq=False)
class RedisBooks:
    """See `engine.archive.Books`."""

    _server: RedisServer
    _keys: Keys

    async def receipts(self, since: str | None, until: str | None = None) -> Sequence[Receipt]:
        """See `engine.audit.Receipts` and `engine.dead_letters.QueueLetters`, here and below."""
        end = "+" if until is None else f"({entry_at(until)}"
        return [receipt for source in await self._sources() for receipt in await self._receipts_of(source, since, end)]

    async def _receipts_of(self, source: str, since: str | None, end: str) -> list[Receipt]:
        keys = [self._keys.receipts(source), self._keys.stream, self._keys.dead]
        begin = "-" if since is None else entry_at(since)
        found: list[tuple[str, Receipt]] = []
        dropped: set[str] = set()
        while True:
            entries = await self._server.run(
                list[tuple[bytes, bytes, bytes, bytes]], READ, keys, begin, end, PAGES_AT_ONCE
            )
            for entry, what, text, states in entries:
                if what == b"dropped":
                    dropped.add(text.decode())
                    continue
                put_at = moment_of(entry.decode())
                for line, state in zip(lines_of(source, text.decode()), states.decode(), strict=True):
                    found.append((line.delivery, Receipt(source, line.name, line.size, put_at, _STATES[state])))
            if len(entries) < PAGES_AT_ONCE:
                break
            begin = f"({entries[-1][0].decode()}"
        return [receipt._replace(state=DROPPED) if name in dropped else receipt for name, receipt in found]

    async def remembered_since(self) -> Mapping[str, str]:
        found = {}
        for source in await self._sources():
            key = self._keys.receipts(source)
            first = await self._server.ask(list[tuple[bytes, dict[bytes, bytes]]], "XRANGE", key, "-", "+", "COUNT", 1)
            if first:
                found[source] = moment_of(first[0][0].decode())
        return found

    async def _sources(self) -> list[str]:
        names = await self._server.ask(list[bytes], "HKEYS", self._keys.cursors)
        return sorted(name.decode() for name in names)

    async def read(self) -> Sequence[QueueLetter]:
        entries = await self._server.ask(list[tuple[bytes, dict[bytes, bytes]]], "XRANGE", self._keys.dead, "-", "+")
        return [_letter(name.decode(), fields) for name, fields in entries]

    async def newest(self, limit: int) -> Sequence[QueueLetter]:
        entries = await self._server.ask(
            list[tuple[bytes, dict[bytes, bytes]]], "XREVRANGE", self._keys.dead, "+", "-", "COUNT", limit
        )
        return [_letter(name.decode(), fields) for name, fields in entries]

    async def count(self) -> int:
        return await self._server.ask(int, "XLEN", self._keys.dead)

    async def drop(self, ids: Sequence[str]) -> int:
        dropped = 0
        for letter in await self.read():
            if letter.id in set(ids):
                keys = [self._keys.dead, self._keys.outstanding(letter.source), self._keys.receipts(letter.source)]
                dropped += await self._server.run(int, DROP, keys, letter.id, letter.delivery)
        return dropped


def _letter(name: str, fields: Mapping[bytes, bytes]) -> QueueLetter:
    payload = fields.get(b"batch", b"")
    return QueueLetter(
        id=name,
        source=fields.get(b"source", b"").decode(errors="replace"),
        delivery=fields.get(b"delivery", b"").decode(errors="replace"),
        attempts=int(fields.get(b"attempts", b"0")),
        reason=fields.get(b"reason", b"").decode(errors="replace"),
        died_at=moment_of(name),
        payload=payload,
        batch=decoded(payload),
    )


@asynccontextmanager
async def open_books(
    url: str, *, queue_name: str = "default", limits: Limits | None = None
) -> AsyncIterator[RedisBooks]:
    """Open the books of the queue `queue_name`. Raises ConfigError, or UnavailableError where the server is away."""
    async with open_server(url, limits or Limits()) as server:
        books = RedisBooks(server, Keys(queue_name))
        with refusals_as_config_errors():
            check_format(f"queue.url: queue {queue_name}", await format_of(server, Keys(queue_name)), FORMAT)
            await books.remembered_since()
        yield books
