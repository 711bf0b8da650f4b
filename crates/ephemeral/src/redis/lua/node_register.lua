-- KEYS: nodes by the time they expire, what they say. ARGV: id, what it says, ttl.
local now, ttl = now_ms(), tonumber(ARGV[3])
forget_expired(KEYS[1], KEYS[2], now)
redis.call('ZADD', KEYS[1], now + ttl, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f %s', now, ARGV[2]))
keep(KEYS[1], ttl)
keep(KEYS[2], ttl)
