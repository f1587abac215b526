-- What was ordered leaves each basket, once for each order: the effect and the memory of it are one script.
-- KEYS: the basket of each command. ARGV: seconds to keep a basket, days to remember an order, then for each
-- command the order and its lines as "product:quantity …". Returns how many orders were new.
local seconds, days = ARGV[1], tonumber(ARGV[2])
local today = math.floor(microseconds() / 86400000000)

-- One set for each day: a set expires as a whole, which costs far less memory than a time for each id.
local function was_handled(order)
  for day = today, today - days, -1 do
    if redis.call('SISMEMBER', 'inbox:' .. day, order) == 1 then
      return true
    end
  end
  return false
end

local function remember(order)
  redis.call('SADD', 'inbox:' .. today, order)
  redis.call('EXPIRE', 'inbox:' .. today, (days + 1) * 86400)
end

-- What was added since stays. Returns whether there was anything to take out.
local function take_out(basket, ordered)
  local place = place_of(basket, ordered.product)
  if not place then
    return false
  end
  local line = basket.lines[place]
  line.quantity = line.quantity - ordered.quantity
  if line.quantity <= 0 then
    table.remove(basket.lines, place)
  end
  return true
end

local new = 0
for number, key in ipairs(KEYS) do
  local order, text = ARGV[2 * number + 1], ARGV[2 * number + 2]
  if not was_handled(order) then
    local basket, changed = load(key), false
    for _, ordered in ipairs(lines_in(text)) do
      changed = take_out(basket, ordered) or changed
    end
    if changed then
      save(basket, seconds)
    end
    remember(order)
    new = new + 1
  end
end
return new
