-- KEYS: typists by the time they end. ARGV: how many at the most.
-- Returns pairs, the latest first: user, milliseconds that remain.
local now = now_ms()
local found = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(' .. now, 'WITHSCORES', 'LIMIT', 0,
  ARGV[1])
for at = 2, #found, 2 do
  found[at] = found[at] - now
end
return found
