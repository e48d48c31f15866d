"""The cache's atomic steps, in Lua. KEYS are value keys; `:lease` and `:writers` are beside them.

A key's writers are a sorted set, writer → deadline in seconds of Redis's own clock, rounded up, so
that a writer that died is forgotten in time and two of one key do not undo each other's mark.
"""

REFUSED, GRANTED, WRITING = 0, 1, 2

READ = """
local now = redis.call('TIME')[1]
local answers = {}
for i, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if value == '' and ARGV[2] - redis.call('PTTL', key) >= tonumber(ARGV[3]) then
    value = false
  end
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
"""ARGV: lease, its life in ms, for how many ms this reader has waited. For each key its value; or
GRANTED to fill it; or WRITING, so read Postgres and fill nothing; or REFUSED, because somebody else
is filling it. That there is nothing ("") is told only to those who were waiting when it was found.
"""

FILL = """
for i, key in ipairs(KEYS) do
  if redis.call('GET', key .. ':lease') == ARGV[1] then
    redis.call('DEL', key .. ':lease')
    local value = ARGV[3 + i]
    if value then
      redis.call('SET', key, value, 'PX', value == '' and ARGV[2] or ARGV[3])
    end
  end
end
"""
"""ARGV: lease, its life in ms and that of nothing (""), life of a value, and a value for each key,
to be stored if its lease still holds. Without values, it only gives the leases back."""

CLOSE = """
local deadline = redis.call('TIME')[1] + ARGV[2] + 1
for _, key in ipairs(KEYS) do
  redis.call('DEL', key, key .. ':lease')
  redis.call('ZADD', key .. ':writers', deadline, ARGV[1])
  redis.call('EXPIRE', key .. ':writers', ARGV[2])
end
return 1
"""
"""ARGV: writer, life of its mark in s. Drops values and leases and marks the writer in flight."""

OPEN = """
for _, key in ipairs(KEYS) do
  redis.call('DEL', key, key .. ':lease')
  redis.call('ZREM', key .. ':writers', ARGV[1])
end
return 1
"""
"""ARGV: writer. Drops values and leases, and this writer's mark."""
