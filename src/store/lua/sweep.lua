-- ARGV: the worker. Answers {1 if there is no epoch and the caller is to fill this Redis, gates that the ledger should
-- be told of, the beat}: endpoint, ms until it opens, ms since it fails, limit, failures, openings, error as
-- '>c16i4i8i8i4i4B'.
local RECOUNT_MS, FILL_MS, TELL_MAX, SCAN, FORGET_MS = 30000, 5000, 500, 100, 25 * 3600000

for _, m in ipairs(call('ZRANGE', INFLIGHT, '-inf', text(now_ms), 'BYSCORE', 'LIMIT', 0, 1000)) do
  ground(m)
end
release()

local function recount()
  local count = {}
  for _, m in ipairs(call('ZRANGE', INFLIGHT, 0, -1)) do
    local ea = string.sub(m, 17)
    if #m == MEMBER then count[ea] = (count[ea] or 0) + 1 end
  end
  -- A full endpoint outside the ring has slots, so all that may have been forgotten are here.
  for _, ea in ipairs(call('HKEYS', SLOTS)) do count[ea] = count[ea] or 0 end
  for ea, n in pairs(count) do
    touched[ea] = true
    slots[ea] = n
    if n > 0 then call('HSET', SLOTS, ea, n) else call('HDEL', SLOTS, ea) end
  end
end

local function forget_rates()
  local tats = call('HGETALL', TAT)
  for i = 1, #tats, 2 do
    if (tonumber(tats[i + 1]) or 0) < now then call('HDEL', TAT, tats[i]) end
  end
end

if call('SET', P..'recount', '1', 'NX', 'PX', RECOUNT_MS) then
  recount()
  forget_rates()
end

-- Gates that came to rest while nothing was sent; and those of which nothing was heard for so long that their endpoint
-- may be gone. Some at a time.
local cursor = tonumber(call('GET', P..'cursor') or nil) or 0
local scan = call('HSCAN', GATES, text(cursor), 'COUNT', SCAN)
for i = 1, #scan[2], 2 do
  local e, stored = scan[2][i], scan[2][i + 1]
  local learnt_ms = tonumber(string.match(stored, '(%d+)$') or 0)
  gate_texts[e] = stored
  local g = gate_of(e)
  if gate_at_rest(g) then
    save_gate(e)
  elseif g.until_ms <= now_ms and now_ms - learnt_ms > FORGET_MS then
    call('HDEL', GATES, e)
    call('SADD', NEWS, e)
    gates[e], gate_texts[e] = nil, false
  end
end
call('SET', P..'cursor', scan[1])

local tell = {}
for _, e in ipairs(call('SPOP', NEWS, TELL_MAX)) do
  local g, health = gate_of(e), gate_health(gate_of(e))
  if health == HEALTHY and gate_at_rest(g) then
    call('HDEL', TOLD, e)
  else
    call('HSET', TOLD, e, health..' '..text(now_ms))
  end
  if #e == 16 then
    tell[#tell + 1] = struct.pack('>c16i4i8i8i4i4B', e, math.max(0, g.until_ms - now_ms),
      g.failing_ms > 0 and now_ms - g.failing_ms or 0, g.limit, g.failures, g.openings, g.error)
  end
end

settle()
wake()
call('EXPIRE', P..'own:'..ARGV[1], 3600)
local fill = call('EXISTS', P..'epoch') == 0 and call('SET', P..'filling', '1', 'NX', 'PX', FILL_MS)
return {fill and 1 or 0, table.concat(tell), call('INCR', P..'beat')}
