-- Sends GET requests with one access token after the other, or registrations; tells what it saw.
local tokens, at, registering = {}, 0, false

function init(arguments)
  if arguments[1] == "register" then
    registering = true
    math.randomseed(tonumber(arguments[2]))
    return
  end
  for line in io.lines(arguments[1]) do
    tokens[#tokens + 1] = "Bearer " .. line
    if #tokens == tonumber(arguments[2]) then
      return
    end
  end
end

function request()
  if registering then
    local email = string.format("%d-%d@example.com", math.random(1e9), math.random(1e9))
    local body = string.format('{"email": "%s", "password": "a-long-enough-pass-7"}', email)
    return wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
  end
  at = at % #tokens + 1
  return wrk.format("GET", nil, {["Authorization"] = tokens[at]})
end

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f}\n',
    summary.requests, summary.duration / 1e6, failed,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
