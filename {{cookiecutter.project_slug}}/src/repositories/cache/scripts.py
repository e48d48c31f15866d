"""The cache's atomic steps, in Lua. KEYS are value keys; `:lease` and `:writers` are beside them.

A key's writers are a sorted set, writer → deadline in milliseconds of Redis's own clock, so that a
writer that died is forgotten in time and two writers of one key do not undo each other's mark.
"""

REFUSED, GRANTED, WRITING = 0, 1, 2

LEASE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key .. ':writers', '-inf', now)
  if redis.call('EXISTS', key .. ':writers') == 1 then
    answers[i] = 2
  elseif redis.call('EXISTS', key) == 0
     and redis.call('SET', key .. ':lease', ARGV[1], 'NX', 'PX', ARGV[2]) then
    answers[i] = 1
  else
    answers[i] = 0
  end
end
return answers
"""
"""ARGV: lease, its life in ms. For each key: GRANTED to fill it; WRITING, so read Postgres and fill
nothing; REFUSED, because somebody else is filling it or just has."""

FILL = """
local filled = {}
for i, key in ipairs(KEYS) do
  filled[i] = 0
  if redis.call('GET', key .. ':lease') == ARGV[1] then
    redis.call('DEL', key .. ':lease')
    redis.call('SET', key, ARGV[2 + i], 'PX', ARGV[2])
    filled[i] = 1
  end
end
return filled
"""
"""ARGV: lease, life of a value in ms, a value for each key. For each key, 1 if its lease still held
and it was filled, else 0."""

CLOSE = """
local time = redis.call('TIME')
local deadline = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
for _, key in ipairs(KEYS) do
  redis.call('DEL', key, key .. ':lease')
  redis.call('ZADD', key .. ':writers', deadline, ARGV[1])
  redis.call('PEXPIRE', key .. ':writers', ARGV[2])
end
"""
"""ARGV: writer, life of its mark in ms. Drops values and leases and marks the writer in flight."""

OPEN = """
for _, key in ipairs(KEYS) do
  redis.call('DEL', key, key .. ':lease')
  redis.call('ZREM', key .. ':writers', ARGV[1])
end
"""
"""ARGV: writer. Drops values and leases, and this writer's mark."""
