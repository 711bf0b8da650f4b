-- KEYS: an account, the microsecond at which it has caught up. ARGV: amount, interval, burst. Spends the amount
-- if all of it is within the burst; returns 0, or how long until it is.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local amount, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local burst = tonumber(ARGV[3]) * interval
local owed = math.max(tonumber(redis.call('GET', KEYS[1]) or 0) - now, 0) + amount * interval
if owed > burst then
  return owed - burst
end
redis.call('SET', KEYS[1], string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1000) + 1)
return 0
