-- ARGV: an endpoint and its app; its limits from now on, as `limits` has them. What waits goes by them at once.
-- REPLY: i
local e, a = string.sub(ARGV[1], 1, 16), string.sub(ARGV[1], 17)
local l = ARGV[2] ~= DEFAULT_LIMITS and ARGV[2]
if call('HGET', LIMITS, e) == l then return 1 end
if not first(P..'e:'..e) and used(e..a) == 0 then return 1 end -- what comes for it brings them
if l then call('HSET', LIMITS, e, l) else call('HDEL', LIMITS, e) end
begin_anew(e, a)
wake()
return 1
