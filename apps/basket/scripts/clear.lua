-- Take every line out; an empty basket stays as it is. ARGV: tags, seconds to keep.
local basket = load(KEYS[1])
if is_stale(basket, ARGV[1]) then
  return answer('stale', basket)
end
if #basket.lines > 0 then
  basket.lines = {}
  save(basket, ARGV[2])
end
return answer('ok', basket)
