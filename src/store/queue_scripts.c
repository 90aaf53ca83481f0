/* The queue's Lua. All scripts begin with COMMON.
 *
 * Keys, after the prefix (e and id are 16 raw bytes):
 *   e:<e>     ZSET  id -> due          what waits, one key an endpoint
 *   ring      ZSET  e -> turn          when the endpoint may be served next
 *   inflight  ZSET  id..e -> lease end
 *   slots     HASH  e -> in flight     counted; sweep recounts
 *   limits    HASH  e -> "concurrency rate", if not the default
 *   tat       HASH  e -> ms            GCRA's theoretical arrival time, if there is a rate
 *   epoch     STRING                   there as long as Redis was not emptied
 *   recount   STRING                   there until the next recount
 * All times are milliseconds of Redis's own clock. Turns have microseconds, so that who is served
 * can go behind the others and still have the next turn at once. When that clock is set back, what
 * is queued waits too long: the reconciler's force puts it right.
 *
 * An endpoint is in the ring when something waits and a slot is free. A full one is taken out, and
 * put back by the ack (or sweep) that frees a slot, so that nobody polls it. A rate limit is a turn
 * in the future. Who is served goes behind all whose turn had come. settle() keeps this.
 *
 * Workers sleep until the ring's first turn, so a wake is published exactly when a script made that
 * turn earlier. Under a backlog, when nobody sleeps, there is none.
 *
 * Writes go in first and come out second (in flight before out of waiting): a script that Redis
 * stops half-way, out of memory, leaves an entry twice rather than nowhere. */
#include "queue_scripts.h"

/* Lua keeps its own layout. */
/* clang-format off */
#define COMMON \
    "local P = '" QUEUE_PREFIX "'\n" \
    "local RING, INFLIGHT, SLOTS = P..'ring', P..'inflight', P..'slots'\n" \
    "local LIMITS, TAT = P..'limits', P..'tat'\n" \
    "local call = redis.call\n" \
    "local t = call('TIME')\n" \
    "local now = t[1] * 1000 + t[2] / 1000\n" \
    "local now_ms = math.floor(now)\n" \
    "\n" \
    "local function limits(e)\n" \
    "  local l = call('HGET', LIMITS, e)\n" \
    "  if not l then return 32, 0 end\n" \
    "  local cap, rate = string.match(l, '(%d+) (%d+)')\n" \
    "  return tonumber(cap), tonumber(rate)\n" \
    "end\n" \
    "\n" \
    "local function used(e) return tonumber(call('HGET', SLOTS, e) or '0') end\n" \
    "\n" \
    "local function burst(rate) return math.max(1, math.floor(rate / 10)) end\n" \
    "\n" \
    /* One further away than a burst is from before the clock was set back or the rate raised. */ \
    "local function arrival(e, rate)\n" \
    "  local tat = tonumber(call('HGET', TAT, e) or '0')\n" \
    "  return math.max(now, math.min(tat, now + burst(rate) * 1000 / rate))\n" \
    "end\n" \
    "\n" \
    /* When the next one conforms to the rate; not before `from`. */ \
    "local function gate(e, rate, from)\n" \
    "  if rate == 0 then return from end\n" \
    "  return math.max(from, arrival(e, rate) - (burst(rate) - 1) * 1000 / rate)\n" \
    "end\n" \
    "\n" \
    "local function head(e)\n" \
    "  local h = call('ZRANGE', P..'e:'..e, 0, 0, 'WITHSCORES')\n" \
    "  return tonumber(h[2])\n" \
    "end\n" \
    "\n" \
    /* Puts e into the ring if it belongs there; `due`: something new waits for that time. */ \
    "local function settle(e, due)\n" \
    "  local turn = tonumber(call('ZSCORE', RING, e) or nil)\n" \
    "  if not turn then\n" \
    "    due = head(e)\n" \
    "    if not due then return end\n" \
    "  elseif not due or due >= turn then\n" \
    "    return\n" \
    "  end\n" \
    "  local cap, rate = limits(e)\n" \
    "  if used(e) >= cap then return end\n" \
    "  due = gate(e, rate, math.max(due, now))\n" \
    "  if not turn or due < turn then call('ZADD', RING, due, e) end\n" \
    "end\n" \
    "\n" \
    "local function release(e)\n" \
    "  if call('HINCRBY', SLOTS, e, -1) <= 0 then call('HDEL', SLOTS, e) end\n" \
    "end\n" \
    "\n" \
    "local function first_turn()\n" \
    "  local r = call('ZRANGE', RING, 0, 0, 'WITHSCORES')\n" \
    "  return tonumber(r[2])\n" \
    "end\n" \
    "\n" \
    "local before = first_turn()\n" \
    "local function wake()\n" \
    "  local after = first_turn()\n" \
    "  if after and (not before or after < before) then call('PUBLISH', P..'wake', '') end\n" \
    "end\n"

const struct redis_script queue_script_enqueue = {
    "enqueue",
    COMMON "local FORCE_AGE, lease = 3000, tonumber(ARGV[2])\n"
    "local blob, pos, soonest, want = ARGV[1], 1, {}, {}\n"
    "\n"
    "local function in_flight(member, e, force)\n"
    "  local lease_end = call('ZSCORE', INFLIGHT, member)\n"
    "  if not lease_end then return false end\n"
    "  if force == 0 then return true end\n"
    "  if math.abs(now - (tonumber(lease_end) - lease)) < FORCE_AGE then return true end\n"
    "  call('ZREM', INFLIGHT, member)\n"
    "  release(e)\n"
    "  return false\n"
    "end\n"
    "\n"
    "while pos <= #blob do\n"
    "  local id, e, delay, cap, rate, force\n"
    "  id, e, delay, cap, rate, force, pos = struct.unpack('>c16c16i4i4i4B', blob, pos)\n"
    "  local due = now_ms + delay\n"
    "  want[e] = cap..' '..rate\n"
    "  local mode = force == 1 and 'LT' or 'NX'\n"
    "  if not in_flight(id..e, e, force) and call('ZADD', P..'e:'..e, mode, 'CH', due, id) == 1\n"
    "     and due < (soonest[e] or math.huge) then soonest[e] = due end\n"
    "end\n"
    "for e, l in pairs(want) do\n"
    "  if l == '32 0' then l = false end\n"
    "  if call('HGET', LIMITS, e) ~= l then\n"
    "    if l then call('HSET', LIMITS, e, l) else call('HDEL', LIMITS, e) end\n"
    "  end\n"
    "  settle(e, soonest[e])\n"
    "end\n"
    "wake()\n"
    "return 1\n",
};

const struct redis_script queue_script_claim = {
    "claim",
    COMMON
    "local QUANTUM = 8\n"
    "local left, lease = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
    "local out = {}\n"
    "\n"
    /* Takes up to n of e; true if it could have more at once. */
    "local function serve(e, n)\n"
    "  local cap, rate = limits(e)\n"
    "  local room = cap - used(e)\n"
    "  local tat, step = 0, 0\n"
    "  if rate > 0 then\n"
    "    step = 1000 / rate\n"
    "    tat = arrival(e, rate)\n"
    "    n = math.min(n, math.floor(burst(rate) - (tat - now) / step + 0.001))\n"
    "  end\n"
    "  n = math.min(n, room)\n"
    "  local ids = {}\n"
    "  if n > 0 then\n"
    "    ids = call('ZRANGE', P..'e:'..e, '-inf', now, 'BYSCORE', 'LIMIT', 0, n)\n"
    "  end\n"
    "  if #ids > 0 then\n"
    "    local flight = {}\n"
    "    for i, id in ipairs(ids) do\n"
    "      local member = id..e\n"
    "      flight[2 * i - 1] = now_ms + lease\n"
    "      flight[2 * i] = member\n"
    "      out[#out + 1] = member\n"
    "    end\n"
    "    call('ZADD', INFLIGHT, unpack(flight))\n"
    "    call('HINCRBY', SLOTS, e, #ids)\n"
    "    if rate > 0 then call('HSET', TAT, e, string.format('%.3f', tat + #ids * step)) end\n"
    "    call('ZREM', P..'e:'..e, unpack(ids))\n"
    "    left = left - #ids\n"
    "  end\n"
    "  local h = head(e)\n"
    "  if not h or #ids >= room then\n"
    "    call('ZREM', RING, e)\n"
    "    return false\n"
    "  end\n"
    "  local open = gate(e, rate, now)\n"
    "  call('ZADD', RING, math.max(h, open, now + 0.001), e)\n"
    "  return h <= now and open <= now\n"
    "end\n"
    "\n"
    /* First a quantum to all whose turn it is, then equal shares of what is left to who has more.
     */
    "local again, share = {}, QUANTUM\n"
    "while left > 0 do\n"
    "  local es = call('ZRANGE', RING, '-inf', now, 'BYSCORE', 'LIMIT', 0, left)\n"
    "  if #es == 0 then\n"
    "    es, again = again, {}\n"
    "    if #es == 0 then break end\n"
    "    share = math.max(QUANTUM, math.floor(left / #es))\n"
    "  end\n"
    "  for _, e in ipairs(es) do\n"
    "    if left == 0 then break end\n"
    "    if serve(e, math.min(share, left)) then again[#again + 1] = e end\n"
    "  end\n"
    "end\n"
    "local turn = first_turn()\n"
    "return {turn and math.max(0, math.ceil(turn - now - 0.002)) or -1, table.concat(out)}\n",
};

const struct redis_script queue_script_ack = {
    "ack",
    COMMON "local blob, pos, soonest, touched = ARGV[1], 1, {}, {}\n"
    "while pos <= #blob do\n"
    "  local id, e, delay\n"
    "  id, e, delay, pos = struct.unpack('>c16c16i4', blob, pos)\n"
    "  local flew = call('ZREM', INFLIGHT, id..e) == 1\n"
    "  if flew then release(e) end\n"
    "  if delay >= 0 then\n"
    "    local due = now_ms + delay\n"
    "    call('ZADD', P..'e:'..e, due, id)\n"
    "    soonest[e] = math.min(due, soonest[e] or math.huge)\n"
    "  elseif not flew then\n"
    "    call('ZREM', P..'e:'..e, id)\n"
    "    if not head(e) then call('ZREM', RING, e) end\n"
    "  end\n"
    "  touched[e] = true\n"
    "end\n"
    "for e in pairs(touched) do settle(e, soonest[e]) end\n"
    "wake()\n"
    "return 1\n",
};

const struct redis_script queue_script_sweep = {
    "sweep",
    COMMON
    "local RECOUNT_MS = 30000\n"
    "local touched = {}\n"
    "for _, m in ipairs(call('ZRANGE', INFLIGHT, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)) do\n"
    "  local id, e = string.sub(m, 1, 16), string.sub(m, 17)\n"
    "  call('ZADD', P..'e:'..e, 'NX', now_ms, id)\n"
    "  call('ZREM', INFLIGHT, m)\n"
    "  release(e)\n"
    "  touched[e] = true\n"
    "end\n"
    "\n"
    "if call('SET', P..'recount', '1', 'NX', 'PX', RECOUNT_MS) then\n"
    "  local count = {}\n"
    "  for _, m in ipairs(call('ZRANGE', INFLIGHT, 0, -1)) do\n"
    "    local e = string.sub(m, 17)\n"
    "    count[e] = (count[e] or 0) + 1\n"
    "  end\n"
    /* A full endpoint outside the ring has slots, so all that may have been forgotten are here. */
    "  for _, e in ipairs(call('HKEYS', SLOTS)) do\n"
    "    if not count[e] then call('HDEL', SLOTS, e) end\n"
    "    touched[e] = true\n"
    "  end\n"
    "  for e, n in pairs(count) do\n"
    "    call('HSET', SLOTS, e, n)\n"
    "    touched[e] = true\n"
    "  end\n"
    "  local tats = call('HGETALL', TAT)\n"
    "  for i = 1, #tats, 2 do\n"
    "    if tonumber(tats[i + 1]) < now then call('HDEL', TAT, tats[i]) end\n"
    "  end\n"
    "end\n"
    "for e in pairs(touched) do settle(e) end\n"
    "wake()\n"
    "return call('SET', P..'epoch', ARGV[1], 'NX') and 1 or 0\n",
};
/* clang-format on */
