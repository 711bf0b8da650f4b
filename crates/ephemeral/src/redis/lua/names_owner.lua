-- KEYS: names by the time they expire, their owners. ARGV: a name. Returns its owner, or nothing.
return lives(KEYS[1], ARGV[1], now_ms()) and redis.call('HGET', KEYS[2], ARGV[1])
