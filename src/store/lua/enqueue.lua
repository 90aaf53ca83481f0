-- ARGV: entries of id, endpoint, app, delay_ms, concurrency, rate, force, as ENTRY says.
local ENTRY = '>c16c16c16i4i4i4B'
local FORCE_AGE = 3000
local blob, pos, soonest, want = ARGV[1], 1, {}, {}

local function flies(m, a, e, force)
  local lease_end = call('ZSCORE', INFLIGHT, m)
  if not lease_end then return false end
  if force == 0 then return true end
  if math.abs(now - (tonumber(lease_end) - LEASE_MS)) < FORCE_AGE then return true end
  call('ZREM', INFLIGHT, m)
  release(a, e)
  return false
end

while pos <= #blob do
  local id, e, a, delay, cap, rate, force
  id, e, a, delay, cap, rate, force, pos = struct.unpack(ENTRY, blob, pos)
  local due = now_ms + delay
  want[e] = {a, cap..' '..rate, force}
  local mode = force == 1 and 'LT' or 'NX'
  if not flies(id..e..a, a, e, force) and call('ZADD', P..'e:'..e, mode, 'CH', due, id) == 1
     and due < (soonest[e] or math.huge) then soonest[e] = due end
end
for e, w in pairs(want) do
  local l = w[2] ~= DEFAULT_LIMITS and w[2]
  if call('HGET', LIMITS, e) ~= l then
    if l then call('HSET', LIMITS, e, l) else call('HDEL', LIMITS, e) end
  end
  -- Should Redis have lost the app's turn.
  if w[3] == 1 then place(w[1]) end
  settle(w[1], e, soonest[e])
end
wake()
return 1
