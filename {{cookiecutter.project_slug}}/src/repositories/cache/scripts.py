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
  if value == '' and ARGV[2] - redis.call('PTTL', key) + 1 >= tonumber(ARGV[2 + i]) then
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
"""ARGV: lease, its life in ms, and for each key for how many ms its reader has waited. For each key
its value; or GRANTED to fill it; or WRITING, so read Postgres and fill nothing; or REFUSED, because
somebody else is filling it. That there is nothing ("", which ends when the lease of its load would
have) is told only to those who came before that load began.
"""

FILL = """
for i, key in ipairs(KEYS) do
  local lease, life, value = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  if redis.call('GET', key .. ':lease') == lease then
    local left = math.max(1, redis.call('PTTL', key .. ':lease'))
    redis.call('DEL', key .. ':lease')
    if life ~= '0' then
      redis.call('SET', key, value, 'PX', value == '' and left or life)
    end
  end
end
"""
"""ARGV, for each key: lease, life in ms of a value, and the value, to be stored if the lease still
holds. A life of 0 only gives the lease back."""

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
