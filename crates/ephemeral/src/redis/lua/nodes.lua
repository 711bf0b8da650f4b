-- KEYS: nodes by the time they expire, what they say. ARGV: an id, or nothing for all.
-- Returns pairs: milliseconds since it was said, what was said.
local now, found = now_ms(), {}
local ids = #ARGV > 0 and ARGV or redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
for _, id in ipairs(ids) do
  local text = lives(KEYS[1], id, now) and redis.call('HGET', KEYS[2], id)
  if text then
    local at = text:find(' ', 1, true)
    table.insert(found, now - tonumber(text:sub(1, at - 1)))
    table.insert(found, text:sub(at + 1))
  end
end
return found
