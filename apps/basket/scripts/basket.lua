-- Put before every other script about baskets.
-- A basket is one string: its version and, in the order they were put in, its lines:
-- "1763832000000000 65a0c0ffee0000000000beef:2 65a0c0ffee0000000000cafe:1".
-- KEYS: the basket, the copies of products, what is there when they are all.

local function microseconds()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function lines_in(text)
  local lines = {}
  for product, quantity in string.gmatch(text, '(%x+):(%d+)') do
    lines[#lines + 1] = {product = product, quantity = tonumber(quantity)}
  end
  return lines
end

local function load(key)
  local text = redis.call('GET', key) or '0'
  return {key = key, version = tonumber(string.match(text, '^%d+')), lines = lines_in(text)}
end

local function digits(version)
  return string.format('%.0f', version)
end

-- A version never comes twice, even when Redis was emptied in between: it follows the clock, which no two changes
-- share. Microseconds of this century stay below 2^53, where Lua and JavaScript begin to round.
local function save(basket, seconds)
  basket.version = math.max(basket.version + 1, microseconds())
  local words = {digits(basket.version)}
  for _, line in ipairs(basket.lines) do
    words[#words + 1] = line.product .. ':' .. line.quantity
  end
  redis.call('SET', basket.key, table.concat(words, ' '), 'EX', seconds)
end

local function place_of(basket, product)
  for place, line in ipairs(basket.lines) do
    if line.product == product then
      return place
    end
  end
end

-- A copy reads "version is_active currency price name"; false where there is none.
local function currency_of(copy)
  return copy and string.match(copy, '^%d+ 1 (%u+)')
end

local function add_copies(basket)
  if #basket.lines == 0 then
    return
  end
  local products = {}
  for place, line in ipairs(basket.lines) do
    products[place] = line.product
  end
  for place, copy in ipairs(redis.call('HMGET', KEYS[2], unpack(products))) do
    basket.lines[place].copy = copy
  end
end

-- The first line that is sold says what the basket is counted in; nil where none is.
local function currency_in(basket)
  for _, line in ipairs(basket.lines) do
    local currency = currency_of(line.copy)
    if currency then
      return currency
    end
  end
end

-- Changes whenever what is shown of a basket does: with its lines, and with the name, price, currency and activity
-- of each product, but not with another of a product's versions alone. Raise SHOWN when the API shows something else.
local SHOWN = '2'
local function tag_of(basket)
  local words = {SHOWN, digits(basket.version)}
  for _, line in ipairs(basket.lines) do
    local copy = line.copy and string.match(line.copy, '^%d+ (.*)$') or ''
    words[#words + 1] = line.product .. ':' .. line.quantity .. ':' .. #copy .. ':' .. copy
  end
  return digits(basket.version) .. '-' .. string.sub(redis.sha1hex(table.concat(words, ' ')), 1, 16)
end

-- `tags`: those of the baskets that the caller would change, parted by spaces; '' for any, '!' before those that are not.
local function is_stale(basket, tags)
  if tags == '' then
    return false
  end
  add_copies(basket)
  local is_refusal = string.sub(tags, 1, 1) == '!'
  local named = ' ' .. string.gsub(tags, '^!', '') .. ' '
  return (string.find(named, ' ' .. tag_of(basket) .. ' ', 1, true) ~= nil) == is_refusal
end

local function answer(outcome, basket)
  add_copies(basket)
  local lines = {}
  for place, line in ipairs(basket.lines) do
    lines[place] = {line.product, line.quantity, line.copy}
  end
  return {outcome, basket.version, tag_of(basket), redis.call('EXISTS', KEYS[3]), lines}
end
