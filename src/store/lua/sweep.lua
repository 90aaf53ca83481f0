-- ARGV: the worker. Answers {1 if there is no epoch and the caller is to fill this Redis, gates that the ledger should be
-- told of, the beat}: endpoint, ms until it opens, ms since it fails, limit, failures, openings, error as '>c16i4i8i8i4i4B'.
local RECOUNT_MS, FILL_MS, TELL_MAX = 30000, 5000, 500
local touched = {}

for _, m in ipairs(call('ZRANGE', INFLIGHT, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)) do
  local a, e = ground(m)
  touched[e] = a
end

local function recount()
  local count = {}
  for _, m in ipairs(call('ZRANGE', INFLIGHT, 0, -1)) do
    local ea = string.sub(m, 17)
    count[ea] = (count[ea] or 0) + 1
  end
  -- A full endpoint outside the ring has slots, so all that may have been forgotten are here.
  for _, ea in ipairs(call('HKEYS', SLOTS)) do
    if not count[ea] then call('HDEL', SLOTS, ea) end
    touched[string.sub(ea, 1, 16)] = string.sub(ea, 17)
  end
  for ea, n in pairs(count) do
    call('HSET', SLOTS, ea, n)
    touched[string.sub(ea, 1, 16)] = string.sub(ea, 17)
  end
end

local function forget()
  local tats = call('HGETALL', TAT)
  for i = 1, #tats, 2 do
    if tonumber(tats[i + 1]) < now then call('HDEL', TAT, tats[i]) end
  end
  for _, e in ipairs(call('HKEYS', GATES)) do
    if gate_at_rest(gate_of(e)) then save_gate(e) end
  end
end

if call('SET', P..'recount', '1', 'NX', 'PX', RECOUNT_MS) then
  recount()
  forget()
end

local tell = {}
for _, e in ipairs(call('SPOP', NEWS, TELL_MAX)) do
  local g, health = gate_of(e), gate_health(gate_of(e))
  if health == HEALTHY and gate_at_rest(g) then
    call('HDEL', TOLD, e)
  else
    call('HSET', TOLD, e, health..' '..now_ms)
  end
  tell[#tell + 1] = struct.pack('>c16i4i8i8i4i4B', e, math.min(math.max(0, g.until_ms - now_ms), 2147483647),
    g.failing_ms > 0 and now_ms - g.failing_ms or 0, g.limit, g.failures, g.openings, g.error)
end

for e, a in pairs(touched) do settle(a, e) end
wake()
call('EXPIRE', P..'own:'..ARGV[1], 3600)
local fill = call('EXISTS', P..'epoch') == 0 and call('SET', P..'filling', '1', 'NX', 'PX', FILL_MS)
return {fill and 1 or 0, table.concat(tell), call('INCR', P..'beat')}
