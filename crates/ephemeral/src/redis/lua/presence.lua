-- What is held in a bucket. A user's record: v, the version of what was told of them last; t, what that
-- was: 'o'nline, 'a'way or 'f' for offline; l, their leases: session -> { when it ends, 'o' or 'a', 1 once it was left }.
local DUE, HELD, SEEN = KEYS[1], KEYS[2], KEYS[3]

local function read(user)
  local packed = redis.call('HGET', HELD, user)
  return packed and cmsgpack.unpack(packed) or { v = 0, t = 'f', l = {} }
end

-- Drops what has ended, and writes the record. When it says something else than was told, that is put
-- into `told`: user, what, version, when they were last seen or 0.
local function settle(user, record, now, kept, told)
  local says, next_end, last_end = 'f', math.huge, 0
  for session, lease in pairs(record.l) do
    if lease[1] <= now then
      record.l[session] = nil
    else
      if lease[2] == 'o' or says == 'f' then
        says = lease[2]
      end
      next_end, last_end = math.min(next_end, lease[1]), math.max(last_end, lease[1])
    end
  end
  local changed = says ~= record.t
  if changed then
    local time = redis.call('TIME')
    record.v, record.t = math.max(record.v + 1, time[1] * 1000000 + time[2]), says
    table.insert(told, user)
    table.insert(told, says)
    table.insert(told, record.v)
    table.insert(told, says == 'f' and now or 0)
  end
  if says == 'f' then
    redis.call('HDEL', HELD, user)
    redis.call('ZREM', DUE, user)
    if changed and kept > 0 then
      redis.call('ZADD', SEEN, now, user)
      keep(SEEN, kept)
    end
  else
    redis.call('HSET', HELD, user, cmsgpack.pack(record))
    redis.call('ZADD', DUE, next_end, user)
    -- Twice as long as anything in it: so that somebody finds what ended, and tells it.
    keep(HELD, 2 * (last_end - now))
    keep(DUE, 2 * (last_end - now))
  end
end
