-- KEYS: an account, the microsecond at which it has caught up. ARGV: amount, interval. Takes a part of what was
-- spent back.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local owed = tonumber(redis.call('GET', KEYS[1]) or 0) - now - tonumber(ARGV[1]) * tonumber(ARGV[2])
if owed > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1000) + 1)
else
  redis.call('DEL', KEYS[1])
end
