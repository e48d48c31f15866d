"""The atomic steps of the cache protocol and of the counters, as Lua scripts.

KEYS of the protocol are the keys of values. Beside each stand `<key>:lease`, the number of the
reader's batch that may fill it, and `<key>:writers`, the writers about to commit. Writers are a
sorted set of writer → deadline, in whole seconds of Redis's own clock. So a mark of a dead writer
expires, and two writers of one key do not remove each other's mark.
"""

GRANTED = 0
"""READ's answer for a key whose lease the reader now holds: load the value, then fill it."""
WRITING = 1
"""READ's answer for a key that a writer is about to change: read Postgres and fill nothing."""
FIRST_LEASE = 2
"""Lease numbers begin here. READ answers another reader's number if that reader loads the key."""

READ = """
local now = redis.call('TIME')[1]
local answers = {}
for i, key in ipairs(KEYS) do
  local answer = redis.call('GET', key)
  if not answer then
    redis.call('ZREMRANGEBYSCORE', key .. ':writers', '-inf', now)
    if redis.call('EXISTS', key .. ':writers') == 1 then
      answer = 1
    elseif redis.call('SET', key .. ':lease', ARGV[1], 'NX', 'PX', ARGV[2]) then
      answer = 0
    else
      answer = tonumber(redis.call('GET', key .. ':lease'))
    end
  end
  answers[i] = answer
end
return answers
"""
"""ARGV: the number of a new lease and its life in ms. Answers each key's value, or a number: see
the constants above."""

FILL = """
for i, key in ipairs(KEYS) do
  local lease, value = ARGV[2 * i], ARGV[2 * i + 1]
  if redis.call('GET', key .. ':lease') == lease then
    redis.call('DEL', key .. ':lease')
    if value ~= '' then
      redis.call('SET', key, value, 'PX', ARGV[1])
    end
  end
end
"""
"""ARGV: the life of values in ms, then a lease and a value for each key. Stores the value only if
the lease still stands, and gives the lease back. An empty value only gives the lease back."""

CLOSE = """
local deadline = redis.call('TIME')[1] + ARGV[2] + 1
for _, key in ipairs(KEYS) do
  redis.call('DEL', key, key .. ':lease')
  redis.call('ZADD', key .. ':writers', deadline, ARGV[1])
  redis.call('EXPIRE', key .. ':writers', ARGV[2])
end
return 1
"""
"""ARGV: a writer and the life of its mark in s. Drops values and leases, and marks the writer."""

OPEN = """
for _, key in ipairs(KEYS) do
  redis.call('DEL', key, key .. ':lease')
  redis.call('ZREM', key .. ':writers', ARGV[1])
end
return 1
"""
"""ARGV: a writer. Drops values and leases, and removes the writer's mark."""

SUBTRACT = """
local count = (redis.call('GET', KEYS[1]) or 0) - ARGV[1]
if count > 0 then
  redis.call('DECRBY', KEYS[1], ARGV[1])
  return count
end
redis.call('DEL', KEYS[1])
return 0
"""
"""ARGV: a number. Subtracts it from a counter, and removes the counter at 0."""
