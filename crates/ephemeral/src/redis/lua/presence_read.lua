-- ARGV: users. Returns what was told of each: user, what, version, when they were last seen or 0.
local found = {}
for _, user in ipairs(ARGV) do
  local record = read(user)
  local seen = record.t == 'f' and redis.call('ZSCORE', SEEN, user)
  table.insert(found, user)
  table.insert(found, record.t)
  -- Whoever is gone has no record: the version is that of the end of the millisecond they were last seen
  -- in, when they were told of.
  table.insert(found, seen and seen * 1000 + 999 or record.v)
  table.insert(found, seen and tonumber(seen) or 0)
end
return found
