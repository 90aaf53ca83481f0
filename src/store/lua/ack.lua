-- ARGV: entries of id, endpoint, app, delay_ms or -1, what the attempt says of the endpoint (what, error, took_ms,
-- pause_ms), as ENTRY says; the worker.
local ENTRY = '>c16c16c16i4BBi4i4'
local blob, pos, own = ARGV[1], 1, P..'own:'..ARGV[2]
local soonest, touched, learned = {}, {}, {}

-- The rules of core/gate.c.
local function close_breaker(g)
  if g.openings > 0 then g.limit = 1000 end
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

local function learn(e, what, err, took, pause)
  local g, cap = gate_of(e), limits(e)
  if what == SUCCESS and pause == 0 and gate_at_rest(g) then return end
  if has(what, SUCCESS) then
    succeed(g, cap)
  elseif has(what, FAILED) then
    fail(g, cap, what, err, took)
  end
  if pause > 0 then wait_until(g, now_ms + math.min(pause, GATE_PAUSE_MAX_MS)) end
  learned[e] = true
end

local members = {}
while pos <= #blob do
  local id, e, a, delay, what, err, took, pause
  id, e, a, delay, what, err, took, pause, pos = struct.unpack(ENTRY, blob, pos)
  local m = id..e..a
  members[#members + 1] = m
  local flew = call('ZREM', INFLIGHT, m) == 1
  if flew then release(a, e) end
  if what > 0 or pause > 0 then learn(e, what, err, took, pause) end
  if delay >= 0 then
    local due = now_ms + delay
    call('ZADD', P..'e:'..e, due, id)
    soonest[e] = math.min(due, soonest[e] or math.huge)
  elseif not flew then
    call('ZREM', P..'e:'..e, id)
    if not first(P..'e:'..e) then
      call('ZREM', P..'ring:'..a, e)
      place(a)
    end
  end
  touched[e] = a
end
call('SREM', own, unpack(members))

-- A gate that closes moves the turn of what is in the ring.
local function put_off(a, e)
  local until_ms = gate_of(e).until_ms
  local turn = tonumber(call('ZSCORE', P..'ring:'..a, e) or nil)
  if turn and turn < until_ms then
    call('ZADD', P..'ring:'..a, until_ms, e)
    place(a)
  end
end

for e, a in pairs(touched) do
  if learned[e] then
    save_gate(e)
    put_off(a, e)
  end
  settle(a, e, soonest[e])
end
wake()
return 1
