-- The server's clock, in milliseconds. It does not stand still within a script only on paper: Redis
-- gives a script one and the same time.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A key lives as long as the longest-lived thing in it.
local function keep(key, ttl_ms)
  if redis.call('PEXPIRE', key, ttl_ms, 'NX') == 0 then
    redis.call('PEXPIRE', key, ttl_ms, 'GT')
  end
end

-- Forgets what has expired: members of a sorted set by their time, and their fields in a hash. A
-- bounded part of it at a time; readers look at the time anyway.
local function forget_expired(due, fields, now)
  local gone = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 500)
  if #gone > 0 then
    redis.call('ZREM', due, unpack(gone))
    redis.call('HDEL', fields, unpack(gone))
  end
end

-- Whether a member of a sorted set has not expired.
local function lives(due, member, now)
  local at = redis.call('ZSCORE', due, member)
  return at and tonumber(at) > now
end
