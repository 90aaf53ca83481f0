-- ARGV: entries of id, endpoint and app; delay_ms or OUT, what the attempt says of the endpoint (what, error, took_ms,
-- pause_ms), as ENTRY says; the worker. One that is repeated says nothing new unless its entry is still in flight.
-- What was refused ends a flight and nothing that waits: with older data in Redis two workers may have claimed the same.
-- One that begins was claimed ahead and takes the slot of one that ends beside it; repeated, resync.lua has told of it.
-- REPLY: i
local ENTRY, SIZE, OUT = '>i4BBi4i4', 62, -2147483648
local blob, own = ARGV[1], P..'own:'..ARGV[2]

-- The rules of core/gate.c.
local function close_breaker(g)
  if g.openings > 0 then g.limit, g.cut_ms = 1000, math.max(g.cut_ms, now_ms) end
  g.openings, g.streak = 0, 0
end

local function wait_until(g, ms) g.until_ms = math.max(g.until_ms, ms) end

local function grow(g, cap)
  if g.limit == 0 then return end
  g.limit = g.limit + math.ceil(1000000 / g.limit)
  if g.limit >= cap * 1000 then g.limit = 0 end
end

local function cut(g, cap, took)
  local all = cap * 1000
  local half = math.floor((g.limit > 0 and g.limit < all and g.limit or all) / 2)
  if now_ms < g.cut_ms or now_ms - took < g.cut_ms - GATE_CUT_MS then return end
  g.limit = math.max(1000, half)
  g.cut_ms = now_ms + GATE_CUT_MS
end

local function find_dead(g, took)
  g.streak = g.streak + 1
  if g.openings > 0 then
    if now_ms - took < g.until_ms then return end
  elseif g.streak < GATE_STREAK then
    return
  end
  wait_until(g, now_ms + math.min(GATE_PROBE_MAX_MS, GATE_PROBE_MS * 2 ^ math.min(g.openings, 20)))
  g.openings = g.openings + 1
end

local function succeed(g, cap)
  local was_broken = g.openings > 0
  close_breaker(g)
  if not was_broken then grow(g, cap) end
  g.failures, g.failing_ms = 0, 0
end

local function has(what, bit) return what % (2 * bit) >= bit end

local function fail(g, cap, what, err, took)
  if g.failures == 0 then g.failing_ms = now_ms end
  g.failures = math.min(g.failures + 1, 2147483647)
  g.error = err
  if has(what, CROWDED) then cut(g, cap, took) end
  if has(what, DEAD) then find_dead(g, took) else close_breaker(g) end
end

local learned = {}

local function learn(ea, e, what, err, took, pause)
  if what == SUCCESS and pause == 0 and gate_at_rest(gate_seen(e)) then return end
  local g, cap = gate_of(e), limits(e)
  if has(what, SUCCESS) then
    succeed(g, cap)
  elseif has(what, FAILED) then
    fail(g, cap, what, err, took)
  end
  if pause > 0 then wait_until(g, now_ms + math.min(pause, GATE_PAUSE_MAX_MS)) end
  learned[ea] = true
end

-- Its turn in the ring may be earlier now.
local function give_rate_back(ea, e)
  local _, rate = limits(e)
  if rate == 0 then return end
  call('HSET', TAT, e, string.format('%.3f', arrival(e, rate) - 1000 / rate))
  add(ea, first(P..'e:'..e) or math.huge)
end

-- A gate that closes moves the turn of what is in the ring.
local function put_off(a, e)
  local opens = gate_of(e).until_ms * 1000
  local turn = tonumber(call('ZSCORE', P..'ring:'..a, e) or nil)
  if turn and turn < opens then
    call('ZADD', P..'ring:'..a, text(opens), e)
    place(a)
  end
end

local function is_over(a, e, id)
  call('ZREM', P..'e:'..e, id)
  if first(P..'e:'..e) then return end
  call('ZREM', P..'ring:'..a, e)
  place(a)
end

-- Who began, and has not ended in the same call.
local begun, ended = {}, {}

local function begin_all()
  local ms, flight, lease_end = {}, {}, text(now_ms + LEASE_MS)
  for m in pairs(begun) do
    ms[#ms + 1] = m
    flight[#flight + 1] = lease_end
    flight[#flight + 1] = m
  end
  if #ms == 0 then return end
  for i, flies in ipairs(call('ZMSCORE', INFLIGHT, unpack(ms))) do
    local ea = string.sub(ms[i], 17)
    if not flies then freed[ea] = (freed[ea] or 0) - 1 end
  end
  call('SADD', own, unpack(ms))
  call('ZADD', INFLIGHT, unpack(flight))
end

local members, es, unsent = {}, {}, {}
for pos = 1, #blob, SIZE do
  local m = string.sub(blob, pos, pos + MEMBER - 1)
  local ea = string.sub(m, 17)
  members[#members + 1] = m
  if not touched[ea] then es[#es + 1] = endpoint_of(ea) end
  touched[ea] = true
end
read(GATES, es, gate_texts)

local function finish(m, delay, what, err, took, pause)
  local ea, e = string.sub(m, 17), string.sub(m, 17, 32)
  local flew = begun[m] or land(m)
  begun[m] = nil
  local heard, refused = has(what, REPEATED) and flew == 0, has(what, REFUSED)
  what = what % REFUSED
  if heard then
    what, pause = 0, 0
  elseif what == UNSENT then
    unsent[#unsent + 1] = ea
  elseif what > 0 or pause > 0 then
    learn(ea, e, what, err, took, pause)
  end
  if delay ~= OUT then
    local due = now_ms + delay
    if delay < 0 then due = math.min(due, first(P..'e:'..e) or due) end -- it was the first
    call('ZADD', P..'e:'..e, text(due), string.sub(m, 1, 16))
    add(ea, due)
  elseif flew == 0 and not refused then
    is_over(app_of(ea), e, string.sub(m, 1, 16))
  end
  ended[#ended + 1] = m
end

for i, m in ipairs(members) do
  local delay, what, err, took, pause = struct.unpack(ENTRY, blob, (i - 1) * SIZE + MEMBER + 1)
  if not has(what, BEGINS) then
    finish(m, delay, what, err, took, pause)
  elseif not has(what, REPEATED) then
    begun[m] = 1
  end
end
begin_all()
for _, ea in ipairs(unsent) do give_rate_back(ea, endpoint_of(ea)) end
if #ended > 0 then call('SREM', own, unpack(ended)) end
call('ZREM', AHEAD, unpack(members))
release()

for ea in pairs(learned) do
  save_gate(endpoint_of(ea))
  put_off(app_of(ea), endpoint_of(ea))
end
settle()
wake()
return 1
