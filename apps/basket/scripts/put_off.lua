-- A try failed: count it and wait. KEYS: the parked message. ARGV: milliseconds to wait, the error.
if redis.call('EXISTS', KEYS[1]) == 1 then
  local time = redis.call('TIME')
  redis.call('HINCRBY', KEYS[1], 'failures', 1)
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], 'next_try_at', now + ARGV[1], 'error', ARGV[2])
end
