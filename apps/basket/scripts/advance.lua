-- Note how far the effects in here reach. KEYS: the progress. ARGV: for each partition its name, the offset that
-- its consumer had reached before this turn, and the one it has reached now.
-- Returns name and offset of each partition whose effects end before that (-1: nothing is known of it): there
-- Redis has lost something, and what it lost must be read again.
local behind = {}
for place = 1, #ARGV, 3 do
  local name, before, now = ARGV[place], tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2])
  local known = tonumber(redis.call('HGET', KEYS[1], name) or -1)
  if known < before or known == -1 then
    behind[#behind + 1] = {name, known}
  elseif now > known then
    redis.call('HSET', KEYS[1], name, ARGV[place + 2])
  end
end
return behind
