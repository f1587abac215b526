-- Keep the newest copy of each product. KEYS: the copies. ARGV: product, copy, product, copy, …
-- A copy begins with its version; an older one that comes late changes nothing.
local function version_of(copy)
  return tonumber(string.match(copy, '^%d+'))
end

for place = 1, #ARGV, 2 do
  local product, copy = ARGV[place], ARGV[place + 1]
  local known = redis.call('HGET', KEYS[1], product)
  if not known or version_of(known) < version_of(copy) then
    redis.call('HSET', KEYS[1], product, copy)
  end
end
