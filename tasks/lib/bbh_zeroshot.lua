-- How answers to the subtasks of BIG-Bench Hard are found in texts of models that saw no example, as the harness does:
-- `step(variant, select)`, which takes the match that `select` says, and `choices(variant, row)`, what that step knows of a row.

local yes_or_no = [[\b(Yes|No|yes|no)\b]]
local expressions = {
  boolean_expressions = [[\b(True|False)\b]], causal_judgement = yes_or_no, formal_fallacies = [[\b(valid|invalid)\b]],
  dyck_languages = [=[(?<= )([" \[\(<{}>\)\]]+)|([" \[\(<{}>\)\]]+)]=], navigate = yes_or_no,
}
local said = {
  sports_understanding = { { [[\b(no|not plausible)\b]], "no" }, { [[\b(yes|plausible)\b]], "yes" } },
  web_of_lies = { { [[\b(no|does not tell the truth|is not telling the truth)\b]], "no" },
    { [[\b(yes|tells the truth|is telling the truth)\b]], "yes" } },
}
local numbers = { multistep_arithmetic_two = true, object_counting = true }

local out = {}

function out.step(variant, select)
  if variant == "word_sorting" then return word_sort end
  if expressions[variant] then return regex(expressions[variant], select) end
  if said[variant] then return map_regex(said[variant], { select = select, ignore = { case = true } }) end
  if numbers[variant] then return number_regex("([-0-9]+)", { select = select }) end
  return multi_choice_regex([[(\([A-Z]\))]], { select = select, ignore = { case = true, punctuation = true } })
end

-- The words behind "List:", or what stands behind "(A)", "(B)" and so on.
function out.choices(variant, row)
  if variant == "word_sorting" then return split(split(row.input, "List:")[2] or "") end
  local list = {}
  for choice in row.input:gmatch("%([A-Z]%)([^\n^(]*)") do list[#list + 1] = trim(choice) end
  return list
end

return out
