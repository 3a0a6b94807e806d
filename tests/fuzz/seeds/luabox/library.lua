local t = { 3, 1, 2 }
table.sort(t, function(a, b) return a < b end)
table.insert(t, 1, ("x"):rep(3, ","))
local out = {}
for i, v in ipairs(t) do out[i] = ("%s"):format(v):gsub("%d", "<%0>") end
return { out = out, len = utf8.len("\u{20ac}"), ok = (pcall(error, "no")), part = ("a-b"):match("^(%w)-(%w)$") }
