-- KEYS: people in a room by the time they end. ARGV: how long they may still be there, users.
local within = tonumber(ARGV[1])
local ends = now_ms() + within
for at = 2, #ARGV do
  if within == 0 then
    redis.call('ZREM', KEYS[1], ARGV[at])
  else
    redis.call('ZADD', KEYS[1], 'XX', 'LT', ends, ARGV[at])
  end
end
