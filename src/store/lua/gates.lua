-- ARGV: gates as the ledger knows them, for a Redis that does not, or was away: endpoint, until_ms from now,
-- failing for, limit, failures, openings, error, ms since it was learnt as '>c16i4i8i8i4i4Bi4'; the epoch to set after the
-- last of them, or nothing. Of two the one counts that was learnt later.
-- REPLY: i
local blob, pos = ARGV[1], 1
while pos <= #blob do
  local e, wait, age, limit, failures, openings, err, learnt
  e, wait, age, limit, failures, openings, err, learnt, pos = struct.unpack('>c16i4i8i8i4i4Bi4', blob, pos)
  local failing_ms = failures > 0 and now_ms - age or 0
  local streak = openings > 0 and GATE_STREAK or 0
  local stored = stored_gate(e)
  if not stored or tonumber(string.match(stored, '(%d+)$') or 0) < now_ms - learnt then
    -- One that has opened did so before what is in flight began, of which something will be learnt.
    local opens_ms = wait > 0 and now_ms + wait or 0
    gate_texts[e] = string.format('%d %d %d %d %d %d %d %d %d', opens_ms, now_ms, failing_ms, limit, failures,
      streak, openings, err, now_ms - learnt)
    if not gate_at_rest(gate_of(e)) then
      call('HSET', GATES, e, gate_texts[e])
      note_told(e, gate_of(e))
      call('SREM', NEWS, e)
    else
      -- It came to rest without us: the ledger may forget it when it has heard so.
      call('HDEL', GATES, e)
      call('SADD', NEWS, e)
    end
  end
end
if ARGV[2] ~= '' then
  call('SET', P..'epoch', ARGV[2])
  call('PUBLISH', P..'wake', '')
end
return 1
