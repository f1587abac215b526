-- Redis went away in mid-try: it does not count. KEYS: the parked message.
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'starts', -1)
  redis.call('HSET', KEYS[1], 'next_try_at', 0)
end
