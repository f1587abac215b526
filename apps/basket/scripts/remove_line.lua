-- Take one line out; one that is not there changes nothing. ARGV: tags, seconds to keep, product.
local basket = load(KEYS[1])
if is_stale(basket, ARGV[1]) then
  return answer('stale', basket)
end
local place = place_of(basket, ARGV[3])
if place then
  table.remove(basket.lines, place)
  save(basket, ARGV[2])
end
return answer('ok', basket)
