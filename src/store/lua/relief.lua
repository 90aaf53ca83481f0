-- There is no memory left, and maybe it is us who have it. What waits is in the ledger too, and is put in again when
-- Redis works, since its epoch goes first. Nothing here takes memory. A piece of it each time.
-- REPLY: i
local some = 5000
call('DEL', P..'epoch')

local function drop(e)
  call('UNLINK', P..'e:'..e)
  some = some - 1
end

for _, a in ipairs(call('ZRANGE', APPS, 0, 99)) do
  local es = call('ZRANGE', P..'ring:'..a, 0, some)
  for _, e in ipairs(es) do
    drop(e)
    call('ZREM', P..'ring:'..a, e)
  end
  if call('EXISTS', P..'ring:'..a) == 0 then call('ZREM', APPS, a) end
  if some <= 0 then return 1 end
end
for _, ea in ipairs(call('HKEYS', SLOTS)) do
  if some <= 0 then break end
  drop(endpoint_of(ea))
end
return 1
