"""The cache's atomic steps, in Lua. KEYS are value keys; `:lease` and `:writers` are beside them.

A key's writers are a sorted set, writer → deadline in milliseconds of Redis's own clock, so that a
writer that died is forgotten in time and two writers of one key do not undo each other's mark.
"""

REFUSED, GRANTED, WRITING = 0, 1, 2

READ = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for i, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if not value then
    redis.call('ZREMRANGEBYSCORE', key .. ':writers', '-inf', now)
    if redis.call('EXISTS', key .. ':writers') == 1 then
      value = 2
    elseif redis.call('SET', key .. ':lease', ARGV[1], 'NX', 'PX', ARGV[2]) then
      value = 1
    else
      value = 0
    end
  end
  answers[i] = value
end
return answers
"""
"""ARGV: lease, its life in ms. For each key its value; or GRANTED to fill it; or WRITING, so read
Postgres and fill nothing; or REFUSED, because somebody else is filling it."""

FILL = """
local filled = {}
for i, key in ipairs(KEYS) do
  filled[i] = 0
  if redis.call('GET', key .. ':lease') == ARGV[1] then
    redis.call('DEL', key .. ':lease')
    if ARGV[2 + i] ~= '' then
      redis.call('SET', key, ARGV[2 + i], 'PX', ARGV[2])
    end
    filled[i] = 1
  end
end
return filled
"""
"""ARGV: lease, life of a value in ms, for each key a value or nothing (""), which only gives the
lease back. For each key, 1 if its lease still held, else 0."""

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
