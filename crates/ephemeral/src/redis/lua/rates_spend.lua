-- KEYS: accounts, each the microsecond at which it has caught up. ARGV: the longest debt, then for each
-- account: amount, interval, burst. Returns pairs: how far over the burst, how long until one more fits.
local time, answers = redis.call('TIME'), {}
local now, debt_max = time[1] * 1000000 + time[2], tonumber(ARGV[1])
for at, key in ipairs(KEYS) do
  local amount, interval = tonumber(ARGV[3 * at - 1]), tonumber(ARGV[3 * at])
  local burst = tonumber(ARGV[3 * at + 1]) * interval
  local owed = math.max(tonumber(redis.call('GET', key) or 0) - now, 0)
  owed = math.min(owed + amount * interval, burst + debt_max)
  redis.call('SET', key, string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1000) + 1)
  table.insert(answers, math.max(owed - burst, 0))
  table.insert(answers, math.max(owed + interval - burst, 0))
end
return answers
