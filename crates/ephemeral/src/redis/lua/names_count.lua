-- KEYS: names by the time they expire. Returns how many have not.
return redis.call('ZCOUNT', KEYS[1], '(' .. now_ms(), '+inf')
