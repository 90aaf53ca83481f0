-- What every script of the queue begins with. The scripts run one at a time in Redis, each as a whole.
--
-- Keys, after the prefix. a: an app, e: an endpoint, id: a delivery (16 raw bytes each); o: a worker.
--   e:<e>      ZSET  id -> due               what waits, one key an endpoint
--   ring:<a>   ZSET  e -> turn               when an endpoint of the app may be served next
--   apps       ZSET  a -> turn               when the app may: its ring's first turn, or later for fairness
--   inflight   ZSET  id..e..a -> lease end
--   own:<o>    SET   id..e..a                the same by worker, for when it is gone or has been away
--   slots      HASH  e..a -> in flight       counted; sweep recounts
--   limits     HASH  e -> "concurrency rate" if not the default
--   tat        HASH  e -> ms                 GCRA's theoretical arrival time, if there is a rate
--   gates      HASH  e -> gate, ms           if not at rest (core/gate.h); and when it was learnt
--   told       HASH  e -> "health ms"         what the ledger was told of a gate last, and when
--   news       SET   e                       gates that the ledger should be told of
--   beat       STRING                        counts sweeps: one that is lower than it was is of older data
--   epoch      STRING                        there since the gates were loaded, until Redis is emptied
--   filling    STRING                        somebody loads them
--   recount    STRING                        there until the next recount
--   crowded    STRING                        there while a worker may have left out an app for its share
-- All times are milliseconds of Redis's own clock. Turns have microseconds, so that who is served can go behind the
-- others and still have the next turn at once. When that clock is set back, what is queued waits too long: the
-- reconciler's force puts it right.
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

local APPS, INFLIGHT, SLOTS = P..'apps', P..'inflight', P..'slots'
local LIMITS, TAT, GATES, TOLD, NEWS = P..'limits', P..'tat', P..'gates', P..'told', P..'news'
local CROWD = P..'crowded'
local call = redis.call
local t = call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local now_ms = math.floor(now)

-- What was read already, of many at once; false: there is nothing.
local limit_texts, gate_texts, slots = {}, {}, {}

local function limits(e)
  local l = limit_texts[e]
  if l == nil then l = call('HGET', LIMITS, e) end
  local cap, rate = string.match(l or '', '^(%d+) (%d+)$')
  if not cap then return CONCURRENCY, 0 end
  return tonumber(cap), tonumber(rate)
end

local function used(a, e) return slots[e..a] or tonumber(call('HGET', SLOTS, e..a) or 0) end

-- Gates, as they are at the end of this script: read once, written by save_gate(). What cannot be read is none; times
-- further away than any can be are from before the clock was set back.
local gates = {}
local GATE = {'until_ms', 'cut_ms', 'failing_ms', 'limit', 'failures', 'streak', 'openings', 'error'}
local GATE_TEXT = '^'..string.rep('(%d+) ', 8)..'(%d+)$'

local function gate_of(e)
  local g = gates[e]
  if g then return g end
  g = {}
  local text = gate_texts[e]
  if text == nil then text = call('HGET', GATES, e) end
  local read = {string.match(text or '', GATE_TEXT)}
  for i, name in ipairs(GATE) do g[name] = tonumber(read[i] or 0) end
  g.until_ms = math.min(g.until_ms, now_ms + GATE_PAUSE_MAX_MS)
  g.cut_ms = math.min(g.cut_ms, now_ms + GATE_CUT_MS)
  gates[e] = g
  return g
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

-- The ledger is told of a change at once, and again every ten seconds while there is something to tell.
local TELL_AGAIN_MS = 10000

local function save_gate(e)
  local g, text = gates[e], {}
  for i, name in ipairs(GATE) do text[i] = string.format('%d', g[name]) end
  text[#GATE + 1] = now_ms
  if gate_at_rest(g) then
    call('HDEL', GATES, e)
  else
    call('HSET', GATES, e, table.concat(text, ' '))
  end
  local told, at = string.match(call('HGET', TOLD, e) or '0 0', '(%d+) (%d+)')
  local health = gate_health(g)
  if health ~= tonumber(told) or (health ~= HEALTHY and now_ms - at > TELL_AGAIN_MS) then call('SADD', NEWS, e) end
end

-- How many more of e may fly.
local function room(a, e, cap) return gate_width(gate_of(e), cap) - used(a, e) end

local function burst(rate) return math.max(1, math.floor(rate / 10)) end

-- One further away than a burst is from before the clock was set back or the rate raised.
local function arrival(e, rate)
  local tat = tonumber(call('HGET', TAT, e) or '0')
  return math.max(now, math.min(tat, now + burst(rate) * 1000 / rate))
end

-- When the next one may go by the rate and the gate; not before `from`.
local function open_at(e, rate, from)
  from = math.max(from, gate_of(e).until_ms)
  if rate == 0 then return from end
  return math.max(from, arrival(e, rate) - (burst(rate) - 1) * 1000 / rate)
end

local function first(key)
  return tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
end

-- After the ring's first may have gone, or its turn become later.
local function place(a)
  local turn = first(P..'ring:'..a)
  if turn then call('ZADD', APPS, 'GT', turn, a) else call('ZREM', APPS, a) end
end

local entered = false

local function put_in(a, e, turn)
  call('ZADD', P..'ring:'..a, turn, e)
  call('ZADD', APPS, 'LT', turn, a)
  entered = true
end

-- Puts e into the ring if it belongs there; `due`: something new waits for that time.
local function settle(a, e, due)
  local turn = tonumber(call('ZSCORE', P..'ring:'..a, e) or nil)
  if not turn then
    due = first(P..'e:'..e)
    if not due then return end
  elseif not due or due >= turn then
    return
  end
  local cap, rate = limits(e)
  if room(a, e, cap) <= 0 then return end
  due = open_at(e, rate, math.max(due, now))
  if not turn or due < turn then put_in(a, e, due) end
end

local function release(a, e)
  if call('HINCRBY', SLOTS, e..a, -1) <= 0 then call('HDEL', SLOTS, e..a) end
end

-- The parts of a member of `inflight`.
local function parts(m) return string.sub(m, 1, 16), string.sub(m, 17, 32), string.sub(m, 33, 48) end

-- Takes a member out of flight and makes it wait again: whether it still has to be sent is for the ledger to say.
local function ground(m)
  local id, e, a = parts(m)
  call('ZADD', P..'e:'..e, 'NX', now_ms, id)
  if call('ZREM', INFLIGHT, m) == 1 then release(a, e) end
  return a, e
end

local before = first(APPS)
local function wake()
  local after = first(APPS)
  local earlier = after and (not before or after < before)
  if earlier or entered and call('EXISTS', CROWD) == 1 then call('PUBLISH', P..'wake', '') end
end
