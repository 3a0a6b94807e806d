local t = {}
for i = 1, 5000 do table.insert(t, 1, ("a"):rep(50)) end
local s = table.concat(t)
return s:find(("a"):rep(100) .. "b", 1, true), table.unpack(t, 1, 10)
