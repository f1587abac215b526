-- The next parked message whose time has come, its try counted; the oldest of its key only (of its topic, where the
-- whole topic is in order), the least tried first.
-- KEYS: the places of parked messages, by offset. ARGV: milliseconds that the claim holds, the topics in order.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local waiting, chosen, fewest = {}, nil, nil
local in_order = {}
for place = 2, #ARGV do
  in_order[ARGV[place]] = true
end
for _, place in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local name = KEYS[1] .. ':' .. place
  local fields = redis.call('HMGET', name, 'topic', 'key', 'next_try_at', 'starts')
  local key = fields[1] .. (fields[2] and not in_order[fields[1]] and ' ' .. fields[2] or '')
  local starts = tonumber(fields[4])
  if not waiting[key] and tonumber(fields[3]) <= now and (not fewest or starts < fewest) then
    chosen, fewest = name, starts
  end
  waiting[key] = true
end
if not chosen then
  return false
end
redis.call('HINCRBY', chosen, 'starts', 1)
redis.call('HSET', chosen, 'next_try_at', now + ARGV[1])
return redis.call('HGETALL', chosen)
