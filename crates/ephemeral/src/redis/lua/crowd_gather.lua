-- KEYS: people in a room by the time they end. ARGV: ttl, users.
local ttl = tonumber(ARGV[1])
local ends = now_ms() + ttl
for at = 2, #ARGV do
  redis.call('ZADD', KEYS[1], 'GT', ends, ARGV[at])
end
keep(KEYS[1], ttl)
