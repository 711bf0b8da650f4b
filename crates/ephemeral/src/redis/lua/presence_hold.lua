-- ARGV: how long last seen is kept, ttl, then user, session and what it says again and again.
-- Returns what there is to tell.
local now, kept, ttl, told = now_ms(), tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for at = 3, #ARGV, 3 do
  local record = read(ARGV[at])
  record.l[ARGV[at + 1]] = { now + ttl, ARGV[at + 2] }
  settle(ARGV[at], record, now, kept, told)
end
return told
