-- ARGV: an endpoint and its app, whose gate is forgotten: what waits may go, and the ledger is told.
-- REPLY: i
local e, a = string.sub(ARGV[1], 1, 16), string.sub(ARGV[1], 17)
call('HDEL', GATES, e)
call('SADD', NEWS, e)
begin_anew(e, a)
wake()
return 1
