-- ARGV: the worker; the members that it really has in flight, one after another; the last beat that it saw. Answers 1
-- if this Redis is older than that. Redis may know others, of a dead predecessor or of a time that was rolled back:
-- those wait again, and it is for the ledger to say whether they still have to be sent.
-- REPLY: i
local own, blob = P..'own:'..ARGV[1], ARGV[2]
local real = {}

for i = 1, #blob, 48 do real[string.sub(blob, i, i + 47)] = true end
for _, m in ipairs(call('SMEMBERS', own)) do
  if not real[m] then
    ground(m)
    call('SREM', own, m)
  end
end
release()
for m in pairs(real) do
  local ea = string.sub(m, 17)
  call('SADD', own, m)
  if call('ZADD', INFLIGHT, 'NX', text(now_ms + LEASE_MS), m) == 1 then slots[ea] = call('HINCRBY', SLOTS, ea, 1) end
  call('ZREM', P..'e:'..endpoint_of(ea), string.sub(m, 1, 16))
  touched[ea] = true
end
settle()
wake()
return (tonumber(call('GET', P..'beat') or 0) or 0) < tonumber(ARGV[3]) and 1 or 0
