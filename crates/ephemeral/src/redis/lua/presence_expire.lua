-- ARGV: how long last seen is kept, how many users at the most.
-- Returns how many were looked at, and what there is to tell.
local now, kept, told = now_ms(), tonumber(ARGV[1]), {}
local users = redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, ARGV[2])
for _, user in ipairs(users) do
  settle(user, read(user), now, kept, told)
end
redis.call('ZREMRANGEBYSCORE', SEEN, '-inf', now - kept)
return { #users, told }
