-- Replace every line. ARGV: versions, seconds to keep, the lines as "product:quantity …".
local function is_mixed(lines)
  for _, line in ipairs(lines) do
    if currency_of(line.copy) ~= currency_of(lines[1].copy) then
      return true
    end
  end
  return false
end

local basket = load(KEYS[1])
if is_stale(basket, ARGV[1]) then
  return answer('stale', basket)
end
basket.lines = lines_in(ARGV[3])
add_copies(basket)
if is_mixed(basket.lines) then
  return answer('currency', basket)
end
save(basket, ARGV[2])
return answer('ok', basket)
