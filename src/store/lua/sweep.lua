-- ARGV: the worker. Answers {0 or, when there is no epoch, 1 if the caller is to fill this Redis and 2 if not; gates that
-- the ledger should be told of; the beat}: endpoint, ms until it opens, ms since it fails, limit, failures, openings,
-- error as '>c16i4i8i8i4i4B'. Who is to fill it is told so until it has: what it was answered, or what it sent, may be lost.
-- REPLY: isi
local RECOUNT_MS, FILL_MS, TELL_MAX, SCAN, FORGET_MS = 30000, 5000, 500, 100, 25 * 3600000

for _, hands in ipairs({INFLIGHT, AHEAD}) do
  for _, m in ipairs(call('ZRANGE', hands, '-inf', text(now_ms), 'BYSCORE', 'LIMIT', 0, 1000)) do ground(m) end
end
release()

-- Going over all that is in flight takes a while: only if the sum is not right. An endpoint whose number is right is
-- put into its ring by who lands; one whose number was wrong may have missed it.
local function recount()
  local count, sum = {}, 0
  for _, n in ipairs(call('HVALS', SLOTS)) do sum = sum + (tonumber(n) or 0) end
  if sum == call('ZCARD', INFLIGHT) then return end
  for _, m in ipairs(call('ZRANGE', INFLIGHT, 0, -1)) do
    local ea = string.sub(m, 17)
    if #m == MEMBER then count[ea] = (count[ea] or 0) + 1 end
  end
  local counted = call('HGETALL', SLOTS)
  for i = 1, #counted, 2 do
    local ea, n = counted[i], tonumber(counted[i + 1])
    if count[ea] == n then count[ea] = nil else count[ea] = count[ea] or 0 end
  end
  for ea, n in pairs(count) do
    touched[ea] = true
    slots[ea] = n
    if n > 0 then call('HSET', SLOTS, ea, text(n)) else call('HDEL', SLOTS, ea) end
  end
end

-- Some of what a hash or a set has, and others the next time.
local function some(command, key)
  local cursor = tonumber(call('HGET', P..'cursors', key) or 0) or 0
  local found = call(command, key, text(cursor), 'COUNT', SCAN)
  call('HSET', P..'cursors', key, found[1])
  return found[2]
end

local function scan(hash, visit)
  local found = some('HSCAN', hash)
  for i = 1, #found, 2 do visit(found[i], found[i + 1]) end
end

-- What waits again since its lease ran out is in the list of the worker for which it was claimed. If that never heard of
-- it (Redis ran the claim when its connection was gone), nobody else takes it out.
local function forget_own(own)
  local ms = some('SSCAN', own)
  if #ms == 0 then return end
  local flies, waits = call('ZMSCORE', INFLIGHT, unpack(ms)), call('ZMSCORE', AHEAD, unpack(ms))
  for i, m in ipairs(ms) do
    if not flies[i] and not waits[i] then call('SREM', own, m) end
  end
end

-- Of endpoints with nothing waiting and nothing in flight: whatever comes for one brings them again.
local function forget_limits()
  local flies = {}
  for _, ea in ipairs(call('HKEYS', SLOTS)) do flies[string.sub(ea, 1, 16)] = true end
  scan(LIMITS, function(e)
    if not flies[e] and call('EXISTS', P..'e:'..e) == 0 then call('HDEL', LIMITS, e) end
  end)
end

if call('SET', P..'recount', '1', 'NX', 'PX', RECOUNT_MS) then
  recount()
  forget_limits()
end

scan(TAT, function(e, tat)
  if (tonumber(tat) or 0) < now then call('HDEL', TAT, e) end
end)

-- Gates that came to rest, or grew too old for their limit, while nothing was sent; and those of which nothing was
-- heard for so long that their endpoint may be gone.
scan(GATES, function(e, stored)
  local learnt_ms = tonumber(string.match(stored, '(%d+)$') or 0)
  gate_texts[e] = stored
  local g = gate_of(e)
  if gate_at_rest(g) or aged[e] then
    save_gate(e)
  elseif g.until_ms <= now_ms and now_ms - learnt_ms > FORGET_MS then
    call('HDEL', GATES, e)
    call('SADD', NEWS, e)
    gates[e], gate_texts[e] = nil, false
  end
end)

local tell = {}
for _, e in ipairs(call('SPOP', NEWS, TELL_MAX)) do
  local g = gate_of(e)
  if gate_health(g) == HEALTHY and gate_at_rest(g) then
    call('HDEL', TOLD, e)
  else
    note_told(e, g)
  end
  if #e == 16 then
    tell[#tell + 1] = struct.pack('>c16i4i8i8i4i4B', e, math.max(0, g.until_ms - now_ms),
      g.failing_ms > 0 and now_ms - g.failing_ms or 0, g.limit, g.failures, g.openings, g.error)
  end
end

forget_own(P..'own:'..ARGV[1])
settle()
wake()
call('EXPIRE', P..'own:'..ARGV[1], 3600)
local empty = call('EXISTS', P..'epoch') == 0
local fill = empty
  and (call('SET', P..'filling', ARGV[1], 'NX', 'PX', FILL_MS) or call('GET', P..'filling') == ARGV[1])
return {fill and 1 or empty and 2 or 0, table.concat(tell), call('INCR', P..'beat')}
