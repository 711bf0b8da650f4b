-- KEYS: typists by the time they end. ARGV: user.
redis.call('ZREM', KEYS[1], ARGV[1])
