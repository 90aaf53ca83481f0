-- Does Redis take a write? It answers -OOM, -READONLY, -MISCONF and the like before it runs the first one.
-- REPLY: i
call('SET', P..'probe', '', 'PX', 60000)
return 1
