"""What the Redis queue does inside Redis: Lua, one script for each atomic step.

The stream `KEYS[1]` has one consumer group, `engines`, whose consumers are engine instances. A consumer's pending
entries are what it has on lease, their idle time is the lease's clock, their delivery count is the attempt. What
nobody has on lease is pending under the consumer `-`, idle for as long as it is claimable: a released one `RELEASED`
milliseconds, a delayed one the lease less the delay.

Under `maxmemory` Redis refuses a script's writes that need memory, but only up to the first that needs none. Every
script but `put`, which is what fills a server, begins with such a one, if need be one that does nothing: a full queue
can be worked off.
"""

from hashlib import sha1

from attrs import field, frozen


@frozen
class Script:
    """A script and the name under which Redis remembers it."""

    text: str = field(repr=False)
    sha: str = field(init=False)

    @sha.default
    def _name(self) -> str:
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()


_COMMON = """
local RELEASED = '100000000000'
local function pending_of(consumer)
  return redis.call('XPENDING', KEYS[1], 'engines', '-', '+', 100000, consumer)
end
local function make_group()
  local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], 'engines', '0', 'MKSTREAM')
  if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then error(made.err) end
end
local function holds(instance, id, attempt)
  local found = redis.pcall('XPENDING', KEYS[1], 'engines', id, id, 1)
  if found.err then
    if string.find(found.err, 'NOGROUP', 1, true) then return false end
    error(found.err)
  end
  return found[1] and found[1][2] == instance and (not attempt or found[1][4] == tonumber(attempt))
end
"""

PUT = Script("""
-- KEYS: stream cursors owner outstanding marks receipts
-- ARGV: source start end instance is-reset first-mark marks (first batch receipt)*
local stored = redis.call('HGET', KEYS[2], ARGV[1]) or '0:0:0'
if stored == ARGV[3] and ARGV[2] ~= ARGV[3] then return 1 end
if stored ~= ARGV[2] then return 0 end
local owner = redis.call('GET', KEYS[3])
if owner and owner ~= ARGV[4] then return 0 end
local ids, receipts = {}, {}
for i = 8, #ARGV, 3 do
  ids[i] = redis.call('XADD', KEYS[1], '*', 'batch', ARGV[i + 1], 'source', ARGV[1], 'first', ARGV[i])
  receipts[#receipts + 1] = ids[i] .. ' ' .. ARGV[i + 2]
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
if ARGV[5] == '1' then redis.call('DEL', KEYS[4], KEYS[5]) end
for i, id in pairs(ids) do redis.call('ZADD', KEYS[4], ARGV[i], id) end
if ARGV[7] ~= '' then redis.call('ZADD', KEYS[5], ARGV[6], ARGV[7]) end
if #receipts > 0 then
  local week_ago = string.format('%.0f', string.match(receipts[1], '^%d+') - 604800000)
  redis.call('XADD', KEYS[6], 'MINID', '~', week_ago, '*', 'put', table.concat(receipts, '\\n'))
end
return 1
""")

JOIN = Script(
    _COMMON
    + """
-- KEYS: stream generations format   ARGV: family idle-limit format
-- returns the format found; where that is a newer one, nothing is touched
local found = tonumber(redis.call('GET', KEYS[3]) or '1')
if found > tonumber(ARGV[3]) then return found end
redis.call('HDEL', KEYS[2], '-')
if found < tonumber(ARGV[3]) then redis.call('SET', KEYS[3], ARGV[3]) end
make_group()
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], 'engines')) do
  local name, idle = consumer[2], consumer[6]
  if name ~= '-' then
    local is_family = ARGV[1] ~= '' and string.sub(name, 1, #ARGV[1]) == ARGV[1]
    if is_family then
      for _, entry in ipairs(pending_of(name)) do
        redis.call('XCLAIM', KEYS[1], 'engines', '-', 0, entry[1], 'IDLE', RELEASED, 'JUSTID')
      end
    end
    if (is_family or idle > tonumber(ARGV[2])) and #pending_of(name) == 0 then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], 'engines', name)
      redis.call('HDEL', KEYS[2], name)
    end
  end
end
return found
"""
)

RECONCILE = Script(
    _COMMON
    + """
-- KEYS: stream generations   ARGV: instance generation known*
local stored = redis.call('HGET', KEYS[2], ARGV[1])
if stored and tonumber(stored) >= tonumber(ARGV[2]) then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
make_group()
redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], 'engines', ARGV[1])
local known = {}
for i = 3, #ARGV do known[ARGV[i]] = true end
for _, entry in ipairs(pending_of(ARGV[1])) do
  if not known[entry[1]] then
    redis.call('XCLAIM', KEYS[1], 'engines', '-', 0, entry[1], 'IDLE', RELEASED, 'RETRYCOUNT', entry[4] - 1, 'JUSTID')
  end
end
return 1
"""
)

CLAIM = Script("""
-- KEYS: stream generations   ARGV: instance generation limit lease bytes held*
-- takes no more once it has so many bytes
-- returns whether the generation is the stored one, the last id given out ever, and {id, attempt, batch}*
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return {0, '', {}} end
local limit, room, held, taken = tonumber(ARGV[3]), tonumber(ARGV[5]), {}, {}
for i = 6, #ARGV do held[ARGV[i]] = true end
local function take(entry, attempt)
  local batch = ''
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'batch' then batch = entry[2][i + 1] end
  end
  taken[#taken + 1] = {entry[1], attempt, batch}
  room = room - #batch
end
local function has_room() return #taken < limit and room > 0 end
local free = redis.call('XPENDING', KEYS[1], 'engines', 'IDLE', ARGV[4], '-', '+', limit + #ARGV - 5)
for _, entry in ipairs(free) do
  if has_room() and not (held[entry[1]] and entry[2] == ARGV[1]) then
    local claimed = redis.call('XCLAIM', KEYS[1], 'engines', ARGV[1], 0, entry[1])
    if claimed[1] then take(claimed[1], entry[4] + 1) else redis.call('XACK', KEYS[1], 'engines', entry[1]) end
  end
end
while has_room() do
  local read = redis.call('XREADGROUP', 'GROUP', 'engines', ARGV[1], 'COUNT', 1, 'STREAMS', KEYS[1], '>')
  if not read then break end
  take(read[1][2][1], 1)
end
local last = '0-0'
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if group[2] == 'engines' then last = group[8] end
end
return {1, last, taken}
""")

RENEW = Script(
    _COMMON
    + """
-- KEYS: stream   ARGV: instance id*   returns the ids still held
local kept = {}
for i = 2, #ARGV do
  if holds(ARGV[1], ARGV[i]) then
    redis.call('XCLAIM', KEYS[1], 'engines', ARGV[1], 0, ARGV[i], 'JUSTID')
    kept[#kept + 1] = ARGV[i]
  end
end
return kept
"""
)

ACK = Script("""
-- KEYS: stream outstanding*   ARGV: id*
for i, id in ipairs(ARGV) do
  redis.call('XACK', KEYS[1], 'engines', id)
  if redis.call('XDEL', KEYS[1], id) == 1 then redis.call('ZREM', KEYS[i + 1], id) end
end
return 1
""")

NACK = Script(
    _COMMON
    + """
-- KEYS: stream   ARGV: instance id attempt idle
if holds(ARGV[1], ARGV[2], ARGV[3]) then
  redis.call('XCLAIM', KEYS[1], 'engines', '-', 0, ARGV[2], 'IDLE', ARGV[4], 'JUSTID')
end
return 1
"""
)

RELEASE = Script(
    _COMMON
    + """
-- KEYS: stream   ARGV: instance (id attempt)*
for i = 2, #ARGV, 2 do
  if holds(ARGV[1], ARGV[i], ARGV[i + 1]) then
    local attempts = tonumber(ARGV[i + 1]) - 1
    redis.call('XCLAIM', KEYS[1], 'engines', '-', 0, ARGV[i], 'IDLE', RELEASED, 'RETRYCOUNT', attempts, 'JUSTID')
  end
end
return 1
"""
)

DEAD_LETTER = Script(
    _COMMON
    + """
-- KEYS: stream dead   ARGV: instance id attempt reason
if not holds(ARGV[1], ARGV[2], ARGV[3]) then return 0 end
redis.call('XDEL', KEYS[2], '0-1')
local found = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])
local fields = found[1] and found[1][2] or {}
redis.call('XADD', KEYS[2], '*', 'delivery', ARGV[2], 'attempts', ARGV[3], 'reason', ARGV[4], unpack(fields))
redis.call('XACK', KEYS[1], 'engines', ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return 1
"""
)

DEBT = Script("""
-- KEYS: marks outstanding   ARGV: forgettable-before base front limit bytes-a-mark
-- returns the first number that is not settled (or nothing), then packed pages from `base` on
local function page_of(number)
  return redis.call('ZREVRANGEBYSCORE', KEYS[1], number, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or '-inf'
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. page_of(ARGV[1]))
local low = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local from = page_of(ARGV[2])
local front, limit, counted = tonumber(ARGV[3]), tonumber(ARGV[4]), 0
local answer = {low[2] or ''}
while counted < limit do
  local pages = redis.call('ZRANGEBYSCORE', KEYS[1], from, '+inf', 'WITHSCORES', 'LIMIT', 0, 64)
  if #pages == 0 then break end
  for i = 1, #pages, 2 do
    if counted < limit then
      answer[#answer + 1] = pages[i]
      if tonumber(pages[i + 1]) > front then counted = counted + #pages[i] / tonumber(ARGV[5]) end
    end
  end
  from = '(' .. pages[#pages]
end
return answer
""")

ACQUIRE = Script("""
-- KEYS: owner   ARGV: instance milliseconds
local owner = redis.call('GET', KEYS[1])
if owner == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if owner then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")

RESIGN = Script("""
-- KEYS: owner   ARGV: instance
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
""")
