-- Topic and key of everything that is parked. KEYS: the places of parked messages.
local found = {}
for number, place in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  found[number] = redis.call('HMGET', KEYS[1] .. ':' .. place, 'topic', 'key')
end
return found
