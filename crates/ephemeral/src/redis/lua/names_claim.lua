-- KEYS: names by the time they expire, their owners. ARGV: ttl, then name and owner again and again.
-- Returns for each name whether it is the owner's.
local now, ttl, held = now_ms(), tonumber(ARGV[1]), {}
forget_expired(KEYS[1], KEYS[2], now)
for at = 2, #ARGV, 2 do
  local name, owner = ARGV[at], ARGV[at + 1]
  local taken = lives(KEYS[1], name, now) and redis.call('HGET', KEYS[2], name) ~= owner
  if taken then
    table.insert(held, 0)
  else
    redis.call('ZADD', KEYS[1], now + ttl, name)
    redis.call('HSET', KEYS[2], name, owner)
    table.insert(held, 1)
  end
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  keep(KEYS[1], ttl)
  keep(KEYS[2], ttl)
end
return held
