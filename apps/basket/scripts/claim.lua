-- The next parked message whose time has come, its try counted; the oldest of its key only.
-- KEYS: the places of parked messages, by offset. ARGV: milliseconds that the claim holds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local waiting = {}
for _, place in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local name = KEYS[1] .. ':' .. place
  local fields = redis.call('HMGET', name, 'topic', 'key', 'next_try_at')
  local key = fields[1] .. (fields[2] and ' ' .. fields[2] or '')
  if not waiting[key] then
    waiting[key] = true
    if tonumber(fields[3]) <= now then
      redis.call('HINCRBY', name, 'starts', 1)
      redis.call('HSET', name, 'next_try_at', now + ARGV[1])
      return redis.call('HGETALL', name)
    end
  end
end
return false
