-- Which choice the text of an answer means, as lm-evaluation-harness reads it: digits are the number of a choice, counted
-- from 0, also where a choice is spelled so; other text is looked for among the choices. false: none of them.
return function(target, choices)
  if target:find("^%d+$") then
    local number = math.tointeger(tonumber(target))
    return number and number < #choices and number
  end
  for i, choice in ipairs(choices) do
    if choice == target then return i - 1 end
  end
  return false
end
