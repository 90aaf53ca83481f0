-- ARGV: the worker; the members that it really has in flight, one after another; the last beat that it saw; the members
-- that it has claimed ahead. Answers 1 if this Redis is older than that beat. Redis may know others, of a dead
-- predecessor or of a time that was rolled back: those wait again, and it is for the ledger to say whether they still
-- have to be sent.
-- REPLY: i
local own, real, ahead = P..'own:'..ARGV[1], {}, {}

local function read_members(blob, into)
  for i = 1, #blob, MEMBER do into[string.sub(blob, i, i + MEMBER - 1)] = true end
end

read_members(ARGV[2], real)
read_members(ARGV[4], ahead)
for _, m in ipairs(call('SMEMBERS', own)) do
  if not real[m] and not ahead[m] then
    ground(m)
    call('SREM', own, m)
  end
end
release()
for m in pairs(ahead) do
  call('SADD', own, m)
  call('ZADD', AHEAD, 'NX', text(now_ms + LEASE_MS), m)
  call('ZREM', P..'e:'..endpoint_of(string.sub(m, 17)), string.sub(m, 1, 16))
end
for m in pairs(real) do
  local ea = string.sub(m, 17)
  call('SADD', own, m)
  if call('ZADD', INFLIGHT, 'NX', text(now_ms + LEASE_MS), m) == 1 then slots[ea] = call('HINCRBY', SLOTS, ea, 1) end
  call('ZREM', AHEAD, m)
  call('ZREM', P..'e:'..endpoint_of(ea), string.sub(m, 1, 16))
  touched[ea] = true
end
settle()
wake()
return (tonumber(call('GET', P..'beat') or 0) or 0) < tonumber(ARGV[3]) and 1 or 0
