-- Partitions of the catalogue were read to their end. KEYS: the set of those, what is there when they are all.
-- ARGV: how many the topic has, the new ones.
for place = 2, #ARGV do
  redis.call('SADD', KEYS[1], ARGV[place])
end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[1]) then
  redis.call('SET', KEYS[2], '1')
end
