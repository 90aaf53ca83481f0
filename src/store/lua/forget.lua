-- ARGV: an endpoint and its app, whose gate is forgotten: what waits may go, and the ledger is told.
-- REPLY: i
local e, a = string.sub(ARGV[1], 1, 16), string.sub(ARGV[1], 17)
call('HDEL', GATES, e)
call('SADD', NEWS, e)
local due = first(P..'e:'..e)
if due then
  touched[e..a] = true
  call('ZREM', P..'ring:'..a, e)
end
settle()
place(a)
wake()
return 1
