-- Replace every line. ARGV: tags, seconds to keep, the lines as "product:quantity …".

-- The products that are sold in another currency than the basket's.
local function in_other_currency(basket)
  local found, currency = {}, currency_in(basket)
  for _, line in ipairs(basket.lines) do
    local its = currency_of(line.copy)
    found[line.product] = its and its ~= currency
  end
  return found
end

-- Whether `now` holds a product of another currency that `before` did not show as one that cannot be bought.
local function is_mixed(now, before)
  for product, is_other in pairs(now) do
    if is_other and not before[product] then
      return true
    end
  end
  return false
end

local basket = load(KEYS[1])
if is_stale(basket, ARGV[1]) then
  return answer('stale', basket)
end
add_copies(basket)
local before = in_other_currency(basket)
basket.lines = lines_in(ARGV[3])
add_copies(basket)
if is_mixed(in_other_currency(basket), before) then
  return answer('currency', basket)
end
save(basket, ARGV[2])
return answer('ok', basket)
