-- ARGV: how many at most, the places that are free, the worker, and what it has under way by app: records of app and
-- number; how much may be claimed ahead: records of endpoint and number. Answers {ms until the next turn or -1, members
-- of `inflight` one after another, 1 if an app had its share, those that were claimed ahead}.
-- REPLY: isis
local APP_QUANTUM, QUANTUM = 16, 8
local PATIENCE = 256 -- of those that have their share, in vain
if call('EXISTS', P..'epoch') == 0 then return {-1, '', 0, ''} end -- without its gates: gates.lua wakes
local free, own = tonumber(ARGV[2]), P..'own:'..ARGV[3]
local held = {}
local NOW_US = text(now_us)

local pos, blob = 1, ARGV[4]
while pos <= #blob do
  local a, n
  a, n, pos = struct.unpack('>c16i4', blob, pos)
  held[a] = n
end

local most_ahead = {}
pos, blob = 1, ARGV[5]
while pos <= #blob do
  local e, n
  e, n, pos = struct.unpack('>c16i4', blob, pos)
  most_ahead[e] = n
end

-- Who has `has` of what is shared may take so many more of the `left`: three times as much as it leaves for those who
-- come later, however many hang (A. K. Choudhury and E. L. Hahne, "Dynamic Queue Length Thresholds for Shared-Memory
-- Packet Switches", IEEE/ACM Transactions on Networking 6(2), 1998). Alone that is three quarters of all.
local function share(left, has)
  return math.max(has == 0 and left > 0 and 1 or 0, math.floor((3 * left - has) / 4))
end

-- Deals n in equal shares to the members of a ring whose turn has come, not less than a quantum each, and what they
-- leave to those who could have more, in this deal or in the next. look(ms) comes before serve(m, k) for each of them,
-- which takes up to k and answers how many, when m could have more (nil: it does not say), and whether m was left out
-- for its share: then it keeps its turn. Who could have more at once goes behind the others, in the order in which they
-- were served, but who had one more than the others behind those.
local STEPS = 100
local deals = {}

local function deal(ring, n, quantum, look, serve)
  local d = deals[ring] or {again = {}, seen = {}, stay = 0, out = 0, turns = 0}
  local wanted, chunk = n, math.ceil(n / quantum)
  deals[ring] = d

  local function go_behind(m, more)
    d.turns = math.min(d.turns + 1, STEPS)
    call('ZADD', ring, text(now_us - 2 * STEPS + d.turns + (more and STEPS or 0)), m)
  end

  local function give(m, sharers)
    local k = math.ceil(n / sharers)
    local more = k * sharers > n
    local got, turn, left_out = serve(m, k)
    n = n - got
    if not turn then
      call('ZREM', ring, m)
    elseif turn > now_us then
      call('ZADD', ring, text(turn), m)
    elseif left_out then
      d.out = d.out + 1
      return true
    else
      go_behind(m, more)
      if got > 0 then d.again[#d.again + 1] = m end
    end
  end

  local function sharers(waiting) return math.min(waiting, math.ceil(n / quantum)) end

  while n > 0 and d.out < PATIENCE do
    local ms = call('ZRANGE', ring, '-inf', NOW_US, 'BYSCORE', 'LIMIT', text(d.stay), text(chunk))
    if #ms > 0 then look(ms) end
    for i, m in ipairs(ms) do
      if n == 0 or d.out >= PATIENCE then break end
      if d.seen[m] or give(m, sharers(#ms - i + 1)) then d.stay = d.stay + 1 end
      d.seen[m] = true
    end
    if #ms < chunk then break end
    chunk = math.min(2 * chunk, MANY)
  end
  if d.out >= PATIENCE and d.stay > 0 then
    -- The next claim looks at others.
    for _, m in ipairs(call('ZRANGE', ring, 0, d.stay - 1)) do go_behind(m) end
    d.stay = 0
  end
  while n > 0 and #d.again > 0 do
    local ms, kept = d.again, 0
    d.again = {}
    for i, m in ipairs(ms) do
      if n > 0 then
        give(m, sharers(#ms - i + 1))
      else
        kept = kept + 1
        table.insert(d.again, kept, m)
      end
    end
  end
  return wanted - n
end

-- Reads what is needed of those that may have more.
local function look(a, es, left)
  local eas, new, some = {}, {}, {}
  for _, e in ipairs(es) do
    if not slots[e..a] then
      new[#new + 1] = e
      eas[#eas + 1] = e..a
    end
  end
  read(SLOTS, eas, slots)
  for i, ea in ipairs(eas) do
    slots[ea] = tonumber(slots[ea] or 0) or 0
    if share(left, math.min(slots[ea], held[a])) > 0 then some[#some + 1] = new[i] end
  end
  read(LIMITS, some, limit_texts)
  read(GATES, some, gate_texts)
end

-- Taken, and written at the end: members, what ZADD takes of them, and by endpoint ids and the new number of slots.
local members, flight, taken, changed = {}, {}, {}, {}
local lease_end = text(now_ms + LEASE_MS)

local function take(a, e, ids)
  local ea, mine = e..a, taken[e] or {}
  taken[e] = mine
  for _, id in ipairs(ids) do
    local m = id..ea
    mine[#mine + 1] = id
    if #m == MEMBER then
      members[#members + 1] = m
      flight[#flight + 1] = lease_end
      flight[#flight + 1] = m
      slots[ea] = slots[ea] + 1
    end
  end
  changed[ea] = true
  held[a] = held[a] + #ids
end

-- What is claimed ahead has no slot: it is the worker's until ack.lua hears of it.
local ahead, kept = {}, {}

local function take_ahead(a, e, n)
  local mine, ea = taken[e], e..a
  local ids = call('ZRANGE', P..'e:'..e, '-inf', text(now_ms), 'BYSCORE', 'LIMIT', text(#mine), text(n))
  for _, id in ipairs(ids) do
    mine[#mine + 1] = id
    if #id + #ea == MEMBER then
      ahead[#ahead + 1] = id..ea
      kept[#kept + 1] = lease_end
      kept[#kept + 1] = id..ea
    end
  end
  held[a] = held[a] + #ids
  return #ids
end

-- `left`: of the app's share. What an endpoint has here is not known, but it is no more than the app has.
local function serve_endpoint(a, e, n, left)
  local has = slots[e..a]
  local most = share(left, math.min(has, held[a]))
  if most == 0 then return 0, now_us, true end
  local cap, rate = limits(e)
  local gate = gate_seen(e)
  local space = gate_width(gate, cap) - has
  local from = taken[e] and #taken[e] or 0
  local tat, step, ids = 0, 0, {}
  most = math.min(n, most)
  n = math.min(most, space)
  if rate > 0 then
    step = 1000 / rate
    tat = arrival(e, rate)
    n = math.min(n, math.floor(burst(rate) - (tat - now) / step + 0.001))
  end
  if n > 0 and gate.until_ms <= now then
    ids = call('ZRANGE', P..'e:'..e, '-inf', text(now_ms), 'BYSCORE', 'LIMIT', text(from), text(n))
  end
  if #ids > 0 then
    take(a, e, ids)
    if rate > 0 then call('HSET', TAT, e, string.format('%.3f', tat + #ids * step)) end
  end
  if #ids > 0 and #ids == space then
    local more = math.min(most - #ids, rate == 0 and gate_at_rest(gate) and most_ahead[e] or 0)
    return #ids + (more > 0 and take_ahead(a, e, more) or 0), nil
  end
  local h = first(P..'e:'..e, from + #ids)
  if not h or #ids >= space then return #ids, nil end
  return #ids, open_at(e, rate, h)
end

-- Apps that had their share are not waited for: the place that comes free is their turn. An app all of whose endpoints
-- have theirs has others, later.
local full, full_count, later = {}, 0, nil

local function leave_out(a)
  if not full[a] then full_count = full_count + 1 end
  full[a] = true
  return 0, now_us, true
end

local function serve_app(a, n)
  local ring = P..'ring:'..a
  held[a] = held[a] or 0
  local left = share(free, held[a])
  if left == 0 then return leave_out(a) end
  local got = deal(ring, math.min(n, left), QUANTUM, function(es) look(a, es, left) end, function(e, k)
    local some, turn, left_out = serve_endpoint(a, e, k, left)
    left = left - some
    return some, turn, left_out
  end)
  free = free - got
  local turn = first(ring)
  if not turn or turn > now_us then return got, turn end
  if got > 0 then return got, now_us end
  local r = call('ZRANGE', ring, '('..NOW_US, '+inf', 'BYSCORE', 'LIMIT', '0', '1', 'WITHSCORES')
  if r[2] then later = math.min(later or math.huge, tonumber(r[2])) end
  return leave_out(a)
end

local max = tonumber(ARGV[1])
local got = deal(APPS, max, APP_QUANTUM, function() end, serve_app)

if got < max and deals[APPS].out >= PATIENCE then
  later = nil
else
  local rest = call('ZRANGE', APPS, 0, full_count, 'WITHSCORES')
  for i = 1, #rest, 2 do
    if not full[rest[i]] then
      later = math.min(later or math.huge, tonumber(rest[i + 1]))
      break
    end
  end
end
if full_count > 0 then call('SET', CROWD, '1', 'PX', LEASE_MS) end

if #members > 0 then
  local counts = {}
  for ea in pairs(changed) do
    counts[#counts + 1] = ea
    counts[#counts + 1] = text(slots[ea])
  end
  call('SADD', own, unpack(members))
  call('ZADD', INFLIGHT, unpack(flight))
  call('HSET', SLOTS, unpack(counts))
end
if #ahead > 0 then
  call('SADD', own, unpack(ahead))
  call('ZADD', AHEAD, unpack(kept))
end
for e, ids in pairs(taken) do call('ZREM', P..'e:'..e, unpack(ids)) end
return {later and math.max(0, math.ceil((later - now_us) / 1000)) or -1, table.concat(members), full_count > 0 and 1 or 0,
  table.concat(ahead)}
