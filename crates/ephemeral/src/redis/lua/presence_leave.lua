-- ARGV: how long last seen is kept, grace, then user, session and what it says again and again.
-- Returns what there is to tell.
local now, kept, grace, told = now_ms(), tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for at = 3, #ARGV, 3 do
  local record = read(ARGV[at])
  local lease = record.l[ARGV[at + 1]]
  if lease then
    lease[1], lease[3] = math.min(lease[1], now + grace), 1
    settle(ARGV[at], record, now, kept, told)
  end
end
return told
