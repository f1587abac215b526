-- Set one line. ARGV: tags, seconds to keep, product, quantity, most lines.
local tags, seconds, product, quantity, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local basket = load(KEYS[1])
local currency = currency_of(redis.call('HGET', KEYS[2], product))
if not currency then
  return answer('unknown', basket)
end
if is_stale(basket, tags) then
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
    return answer('full', basket)
  end
  basket.lines[#basket.lines + 1] = {product = product, quantity = quantity}
end
save(basket, seconds)
return answer('ok', basket)
