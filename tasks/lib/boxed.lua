-- The answer of a worked solution of MATH: what stands in its last box. nil: there is none.
local function after_last(text, mark)
  local parts = split(text, mark)
  return #parts > 1 and parts[#parts] or nil
end

-- "\boxed{...}", from behind "\boxed": up to the brace that closes it.
local function in_braces(rest)
  local depth = 0
  if rest:sub(1, 1) ~= "{" then return nil end
  for i = 1, #rest do
    local c = rest:sub(i, i)
    depth = depth + (c == "{" and 1 or c == "}" and -1 or 0)
    if depth == 0 then return rest:sub(2, i - 1) end
  end
  return nil
end

return function(solution)
  local bare = after_last(solution, "\\boxed ")
  if bare then return split(bare, "$")[1] end
  local rest = after_last(solution, "\\boxed")
  return rest and in_braces(rest)
end
