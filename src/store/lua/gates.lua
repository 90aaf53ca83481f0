-- ARGV: gates as the ledger knows them, for a Redis that does not: endpoint, until_ms from now, failing for, limit,
-- failures, openings, error as '>c16i4i8i8i4i4B'; the epoch to set after the last of them, or nothing.
local blob, pos = ARGV[1], 1
while pos <= #blob do
  local e, wait, age, limit, failures, openings, err
  e, wait, age, limit, failures, openings, err, pos = struct.unpack('>c16i4i8i8i4i4B', blob, pos)
  local failing_ms = failures > 0 and now_ms - age or 0
  local streak = openings > 0 and GATE_STREAK or 0
  if not stored_gate(e) then
    gate_texts[e] = string.format('%d 0 %d %d %d %d %d %d %d', now_ms + wait, failing_ms, limit, failures, streak,
      openings, err, now_ms)
    if not gate_at_rest(gate_of(e)) then
      call('HSET', GATES, e, gate_texts[e])
      call('HSET', TOLD, e, gate_health(gate_of(e))..' '..text(now_ms))
    end
  end
end
if ARGV[2] ~= '' then
  call('SET', P..'epoch', ARGV[2])
  call('PUBLISH', P..'wake', '')
end
return 1
