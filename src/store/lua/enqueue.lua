-- ARGV: entries of id, endpoint and app; delay_ms, concurrency, rate, force, as ENTRY says.
-- REPLY: i
local ENTRY, SIZE = '>i4i4i4B', 61
local blob = ARGV[1]
local members, wanted, forced = {}, {}, {}

local WOKEN_AGAIN_MS = 100 -- of one in flight: by then its ack has taken it out, and left what waits

-- Takes one out of the hands of who claimed it, if it may be: true if it stays.
local function flies(m, lease_end, force)
  if not lease_end or force == WOKEN then return false end
  if force == GENTLE then return true end
  if math.abs(now - (tonumber(lease_end) - LEASE_MS)) < OVERDUE_MS then return true end
  land(m)
  call('ZREM', AHEAD, m)
  return false
end

for pos = 1, #blob, SIZE do members[#members + 1] = string.sub(blob, pos, pos + MEMBER - 1) end
local lease_ends = call('ZMSCORE', INFLIGHT, unpack(members))
if call('EXISTS', AHEAD) == 1 then
  for i, lease_end in ipairs(call('ZMSCORE', AHEAD, unpack(members))) do lease_ends[i] = lease_ends[i] or lease_end end
end

for i, m in ipairs(members) do
  local ea, e = string.sub(m, 17), string.sub(m, 17, 32)
  local delay, cap, rate, force = struct.unpack(ENTRY, blob, (i - 1) * SIZE + MEMBER + 1)
  local due, mode = now_ms + delay, force == GENTLE and 'NX' or 'LT'
  if force == WOKEN and lease_ends[i] then due = due + WOKEN_AGAIN_MS end
  touched[ea] = true
  wanted[e] = (cap ~= CONCURRENCY or rate ~= 0) and cap..' '..rate
  if force == FORCE then forced[app_of(ea)] = true end
  if not flies(m, lease_ends[i], force)
     and call('ZADD', P..'e:'..e, mode, 'CH', text(due), string.sub(m, 1, 16)) == 1 then add(ea, due) end
end
release()

local es = {}
for e in pairs(wanted) do es[#es + 1] = e end
read(LIMITS, es, limit_texts)
for e, l in pairs(wanted) do
  if limit_texts[e] ~= l then
    if l then call('HSET', LIMITS, e, l) else call('HDEL', LIMITS, e) end
  end
end
-- Should Redis have lost an app's turn.
for a in pairs(forced) do place(a) end
settle()
wake()
return 1
