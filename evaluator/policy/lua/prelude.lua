-- What a policy has besides Lua's own: the three answers, and a few words for what policies look at.

function accept() return { answer = "accept" } end
function refuse(code, reason) return { answer = "refuse", code = code, reason = reason } end
function hold(code, reason) return { answer = "hold", code = code, reason = reason } end

-- A set of a list: set { "mit" }.mit is true.
function set(list)
  local s = {}
  for _, v in ipairs(list) do s[v] = true end
  return s
end

-- Is org/name in the list? "org/*" stands for all of an organisation's.
function listed(id, list)
  local org = id:match("^([^/]*)/")
  for _, v in ipairs(list) do
    if v == id or (org and v == org .. "/*") then return true end
  end
  return false
end

-- Does the model have this tag?
function tagged(model, tag)
  for _, v in ipairs(model.tags or {}) do
    if v == tag then return true end
  end
  return false
end

B = 1e9 -- model.params > 8 * B
