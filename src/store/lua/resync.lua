-- ARGV: the worker; the members that it really has in flight, one after another; the last beat that it saw. Answers 1
-- if this Redis is older than that. Redis may know others, of a dead
-- predecessor or of a time that was rolled back: those wait again, and it is for the ledger to say whether they still
-- have to be sent.
local own, blob = P..'own:'..ARGV[1], ARGV[2]
local real, touched = {}, {}

for i = 1, #blob, 48 do real[string.sub(blob, i, i + 47)] = true end
for _, m in ipairs(call('SMEMBERS', own)) do
  if not real[m] then
    local a, e = ground(m)
    call('SREM', own, m)
    touched[e] = a
  end
end
for m in pairs(real) do
  local id, e, a = parts(m)
  call('SADD', own, m)
  if call('ZADD', INFLIGHT, 'NX', now_ms + LEASE_MS, m) == 1 then call('HINCRBY', SLOTS, e..a, 1) end
  call('ZREM', P..'e:'..e, id)
  touched[e] = a
end
for e, a in pairs(touched) do settle(a, e) end
wake()
return tonumber(call('GET', P..'beat') or '0') < tonumber(ARGV[3]) and 1 or 0
