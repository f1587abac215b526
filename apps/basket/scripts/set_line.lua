-- Set one line. ARGV: versions, seconds to keep, product, quantity, most lines.
local versions, seconds, product, quantity, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

-- What is not sold any more cannot be seen, so it must not be in the way of what is.
local function drop_unsold(basket)
  local sold = {}
  for _, line in ipairs(basket.lines) do
    if currency_of(line.copy) then
      sold[#sold + 1] = line
    end
  end
  basket.lines = sold
end

-- The first line that can be seen says what the basket is counted in.
local function currency_in(basket)
  for _, line in ipairs(basket.lines) do
    local currency = currency_of(line.copy)
    if currency then
      return currency
    end
  end
end

local basket = load(KEYS[1])
local currency = currency_of(redis.call('HGET', KEYS[2], product))
if not currency then
  return answer('unknown', basket)
end
if is_stale(basket, versions) then
  return answer('stale', basket)
end
add_copies(basket)
if (currency_in(basket) or currency) ~= currency then
  return answer('currency', basket)
end
local place = place_of(basket, product)
if place then
  basket.lines[place].quantity = quantity
else
  if #basket.lines >= most then
    drop_unsold(basket)
  end
  if #basket.lines >= most then
    return answer('full', basket)
  end
  basket.lines[#basket.lines + 1] = {product = product, quantity = quantity}
end
save(basket, seconds)
return answer('ok', basket)
