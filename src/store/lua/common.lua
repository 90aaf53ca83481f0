-- What every script of the queue begins with. The scripts run one at a time in Redis, each as a whole.
--
-- Keys, after the prefix. a: an app, e: an endpoint, id: a delivery (16 raw bytes each); o: a worker.
--   e:<e>      ZSET  id -> due               what waits, one key an endpoint
--   ring:<a>   ZSET  e -> turn               when an endpoint of the app may be served next
--   apps       ZSET  a -> turn               when the app may: its ring's first turn, or later for fairness
--   inflight   ZSET  id..e..a -> lease end
--   ahead      ZSET  id..e..a -> lease end   claimed ahead: without a slot until it begins
--   own:<o>    SET   id..e..a                both by worker, for when it is gone or has been away
--   slots      HASH  e..a -> in flight       counted; sweep recounts
--   limits     HASH  e -> "concurrency rate" if not the default
--   tat        HASH  e -> ms                 GCRA's theoretical arrival time, if there is a rate
--   gates      HASH  e -> gate, ms           if not at rest (core/gate.h); and when it was learnt
--   told       HASH  e -> "health ms"         what the ledger was told of a gate last, and when
--   news       SET   e                       gates that the ledger should be told of
--   beat       STRING                        counts sweeps: one that is lower than it was is of older data
--   epoch      STRING                        there since the gates were loaded, until Redis is emptied
--   filling    STRING                        o, who loads them
--   recount    STRING                        there until the next recount
--   cursors    HASH  hash -> cursor           how far sweeps looked through it
--   crowded    STRING                        there while a worker may have left out an app for its share
-- Times are milliseconds of Redis's own clock. Turns are microseconds, so that who is served can go behind the others
-- and still have the next turn at once; and whole ones, since Redis is slow with fractions. When that clock is set
-- back, what is queued waits too long: the reconciler's force puts it right.
--
-- An endpoint is in its app's ring when something waits and a slot is free. A full one is taken out, and put back by
-- the ack (or sweep) that frees a slot, so that nobody polls it. A rate limit, a pause, an open breaker are a turn in
-- the future: they cost the same whatever waits behind them. Who is served goes behind all whose turn had come.
-- settle() keeps this. An app's turn is never later than that of its ring's first, unless it was just served.
--
-- Workers sleep until the first turn of all, so a wake is published exactly when a script made that turn earlier.
-- Under a backlog, when nobody sleeps, there is none. But who was left out for its share of a worker's places keeps its
-- turn, and the worker sleeps beyond it: while that may be so, whatever enters a ring wakes.
--
-- Writes go in first and come out second (in flight before out of waiting): a script that Redis stops half-way, out
-- of memory, leaves an entry twice rather than nowhere.

local MEMBER = 48 -- bytes: what has another size under our keys is not ours
local APPS, INFLIGHT, AHEAD, SLOTS = P..'apps', P..'inflight', P..'ahead', P..'slots'
local LIMITS, TAT, GATES, TOLD, NEWS = P..'limits', P..'tat', P..'gates', P..'told', P..'news'
local CROWD = P..'crowded'
local call = redis.call
local t = call('TIME')
local now_us = t[1] * 1000000 + t[2]
local now = now_us / 1000
local now_ms = math.floor(now)

-- Redis writes every number that it is given with 17 digits, at length: whole ones that come often are written once.
local texts = {}

local function text(n)
  local known = texts[n]
  if not known then
    known = string.format('%d', n)
    texts[n] = known
  end
  return known
end

-- What was read of endpoints, of many at once; false: there is nothing. Lua's stack has room for some thousands.
local MANY = 1000
local limit_texts, gate_texts, slots = {}, {}, {}

local function read(hash, keys, into)
  for from = 1, #keys, MANY do
    local values = call('HMGET', hash, unpack(keys, from, math.min(#keys, from + MANY - 1)))
    for i, value in ipairs(values) do into[keys[from + i - 1]] = value end
  end
end

local function limits(e)
  local l = limit_texts[e]
  if l == nil then l = call('HGET', LIMITS, e) end
  local cap, rate = string.match(l or '', '^(%d+) (%d+)$')
  if not cap then return CONCURRENCY, 0 end
  return tonumber(cap), tonumber(rate)
end

local function used(ea) return tonumber(slots[ea] or call('HGET', SLOTS, ea) or 0) or 0 end

-- Gates, as they are at the end of this script: read once, written by save_gate(). What cannot be read is none; times
-- further away than any can be are from before the clock was set back.
local gates, aged = {}, {}
local GATE = {'until_ms', 'cut_ms', 'failing_ms', 'limit', 'failures', 'streak', 'openings', 'error'}
local GATE_TEXT = '^'..string.rep('(%d+) ', 8)..'(%d+)$'

local function stored_gate(e)
  if gate_texts[e] == nil then gate_texts[e] = call('HGET', GATES, e) end
  return gate_texts[e]
end

local function gate_of(e)
  local g = gates[e]
  if g then return g end
  g = {}
  local values = {string.match(stored_gate(e) or '', GATE_TEXT)}
  for i, name in ipairs(GATE) do g[name] = tonumber(values[i] or 0) end
  g.until_ms = math.min(g.until_ms, now_ms + GATE_PAUSE_MAX_MS)
  g.cut_ms = math.min(g.cut_ms, now_ms + GATE_CUT_MS)
  if g.limit > 0 and g.openings == 0 and now_ms - g.cut_ms >= GATE_LIMIT_MS then g.limit, aged[e] = 0, true end
  gates[e] = g
  return g
end

-- Only to be looked at: most endpoints have none.
local REST = {until_ms = 0, cut_ms = 0, limit = 0, failures = 0, openings = 0}

local function gate_seen(e)
  if gates[e] or stored_gate(e) then return gate_of(e) end
  return REST
end

-- The rules of core/gate.c.
local function gate_width(g, cap)
  local limit = math.floor(g.limit / 1000)
  if g.openings > 0 then return 1 end
  if limit == 0 or limit > cap then return cap end
  return limit
end

local function gate_health(g)
  if g.openings > 0 then return BROKEN end
  if g.until_ms > now_ms then return PAUSED end
  if g.limit > 0 then return LIMITED end
  if g.failures >= GATE_FAILURES then return FAILING end
  return HEALTHY
end

local function gate_at_rest(g)
  return g.failures == 0 and g.limit == 0 and g.openings == 0 and g.until_ms <= now_ms and g.cut_ms <= now_ms
end

-- The ledger is told of a change at once, as of when it opens, if that is not as it was to a second; and again every ten
-- seconds while there is something to tell.
local TELL_AGAIN_MS, TELL_LATER_MS = 10000, 1000

local function is_news(e, g)
  local health = gate_health(g)
  local was, opens, at = string.match(call('HGET', TOLD, e) or HEALTHY..' 0 0', '(%d+) (%d+) (%d+)')
  return health ~= tonumber(was) or g.until_ms > math.max(opens, now_ms) + TELL_LATER_MS
    or (health ~= HEALTHY and now_ms - at > TELL_AGAIN_MS)
end

local function note_told(e, g)
  call('HSET', TOLD, e, string.format('%d %d %d', gate_health(g), g.until_ms, now_ms))
end

local function save_gate(e)
  local g, fields = gates[e], {}
  for i, name in ipairs(GATE) do fields[i] = string.format('%d', g[name]) end
  fields[#GATE + 1] = text(now_ms)
  if gate_at_rest(g) then
    call('HDEL', GATES, e)
  else
    call('HSET', GATES, e, table.concat(fields, ' '))
  end
  if is_news(e, g) then call('SADD', NEWS, e) end
end

local function burst(rate) return math.max(1, math.floor(rate / 10)) end

-- One further away than a burst is from before the clock was set back or the rate raised, and counts for nothing: held
-- to a burst from now it would stay that far away.
local function arrival(e, rate)
  local tat = tonumber(call('HGET', TAT, e) or 0) or 0
  if tat > now + (burst(rate) + 0.01) * 1000 / rate then return now end
  return math.max(now, tat)
end

-- The turn of what is due then, by the rate and the gate.
local function open_at(e, rate, due_ms)
  local turn = math.max(due_ms * 1000, now_us, gate_seen(e).until_ms * 1000)
  if rate == 0 then return turn end
  local conforms = arrival(e, rate) - (burst(rate) - 1) * 1000 / rate
  return math.max(turn, math.ceil(conforms * 1000 - 0.5))
end

local function first(key, rank)
  rank = rank and text(rank) or '0'
  return tonumber(call('ZRANGE', key, rank, rank, 'WITHSCORES')[2])
end

-- After the ring's first may have gone, or its turn become later.
local function place(a)
  local turn = first(P..'ring:'..a)
  if turn then call('ZADD', APPS, 'GT', text(turn), a) else call('ZREM', APPS, a) end
end

local function app_of(ea) return string.sub(ea, 17) end
local function endpoint_of(ea) return string.sub(ea, 1, 16) end

-- Endpoints of which something changed, as e..a: whether something new waits for a time, and slots that were freed.
local touched, soonest, freed = {}, {}, {}

local function add(ea, due)
  if due < (soonest[ea] or math.huge) then soonest[ea] = due end
end

-- Takes a member out of flight: 1 if it was.
local function land(m)
  local flew, ea = call('ZREM', INFLIGHT, m), string.sub(m, 17)
  if flew == 1 then freed[ea] = (freed[ea] or 0) + 1 end
  return flew
end

local function release()
  for ea, n in pairs(freed) do
    if n ~= 0 then
      slots[ea] = call('HINCRBY', SLOTS, ea, text(-n))
      if slots[ea] <= 0 then call('HDEL', SLOTS, ea) end
    end
  end
end

-- Of the touched, those whose turn may be earlier than it is in the ring, or that are not there and have one.
local function look_up(turns)
  local some, es = {}, {}
  for ea in pairs(touched) do
    local e = endpoint_of(ea)
    turns[ea] = tonumber(call('ZSCORE', P..'ring:'..app_of(ea), e) or nil)
    if not turns[ea] then soonest[ea] = first(P..'e:'..e) end
    if soonest[ea] and (not turns[ea] or soonest[ea] * 1000 < turns[ea]) then
      some[#some + 1] = ea
      es[#es + 1] = e
    end
  end
  read(LIMITS, es, limit_texts)
  read(GATES, es, gate_texts)
  return some
end

-- Puts the touched into their rings if they belong there.
local entered = false

local function settle()
  local turns, apps = {}, {}
  for _, ea in ipairs(look_up(turns)) do
    local e, a = endpoint_of(ea), app_of(ea)
    local cap, rate = limits(e)
    local turn = open_at(e, rate, soonest[ea])
    if gate_width(gate_seen(e), cap) > used(ea) and (not turns[ea] or turn < turns[ea]) then
      call('ZADD', P..'ring:'..a, text(turn), e)
      if turn < (apps[a] or math.huge) then apps[a] = turn end
    end
  end
  for a, turn in pairs(apps) do
    call('ZADD', APPS, 'LT', text(turn), a)
    entered = true
  end
end

-- After its limits or its gate have changed otherwise than by what it answers: its turn may be earlier, later, or none.
local function begin_anew(e, a)
  if first(P..'e:'..e) then
    touched[e..a] = true
    call('ZREM', P..'ring:'..a, e)
  end
  settle()
  place(a)
end

-- Makes a member wait again that was in flight or claimed ahead: whether it still has to be sent is for the ledger to say.
local function ground(m)
  local ea = string.sub(m, 17)
  if #m == MEMBER then
    call('ZADD', P..'e:'..endpoint_of(ea), 'NX', text(now_ms), string.sub(m, 1, 16))
    land(m)
    touched[ea] = true
  else
    call('ZREM', INFLIGHT, m)
  end
  call('ZREM', AHEAD, m)
end

local before = first(APPS)
local function wake()
  local after = first(APPS)
  local earlier = after and (not before or after < before)
  if earlier or entered and call('EXISTS', CROWD) == 1 then call('PUBLISH', P..'wake', '') end
end
