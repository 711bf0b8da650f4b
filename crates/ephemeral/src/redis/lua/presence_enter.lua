-- ARGV: how long last seen is kept, ttl, user, session, what it says, the most leases, dead nodes.
-- Returns whether it is in, else the nodes that hold the user's leases, and what there is to tell.
local now, kept, ttl = now_ms(), tonumber(ARGV[1]), tonumber(ARGV[2])
local user, session, most = ARGV[3], ARGV[4], tonumber(ARGV[6])
local record, dead, count, nodes, told = read(user), {}, 0, {}, {}
for at = 7, #ARGV do
  dead[ARGV[at]] = true
end
for other, lease in pairs(record.l) do
  local node = other:match('^(.*)/')
  -- One that was left only stands for somebody who may come back, and here they are.
  if dead[node] or lease[3] then
    record.l[other] = nil
  elseif other ~= session and lease[1] > now then
    count = count + 1
    table.insert(nodes, node)
  end
end
if count >= most then
  return { 0, nodes, told }
end
record.l[session] = { now + ttl, ARGV[5] }
settle(user, record, now, kept, told)
return { 1, {}, told }
