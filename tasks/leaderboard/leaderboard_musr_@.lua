-- variants: murder_mysteries object_placements team_allocation
-- Long stories with a question that takes several steps of reasoning (Sprague et al. 2023). Each choice ends its line, so
-- that a blank line stands before "Answer:". Examples would be drawn from the stories themselves.
local python, right = include "lib/python.lua", include "lib/target.lua"
local baselines = { murder_mysteries = 1 / 2, object_placements = 1 / 5, team_allocation = 1 / 3 }

-- The data have the choices as Python would write the list; with their order changed they are one.
local function choices_of(row)
  return type(row.choices) == "table" and row.choices or python(row.choices)
end

return choice {
  name = "leaderboard_musr_" .. variant, version = 1,
  data = hub "TAUR-Lab/MuSR" {
    revision = "7c365b439a222150f317764d4f16ae6c96d7d94a", test = variant, shots = variant },
  doc = function(row)
    local choices, lines = choices_of(row), {}
    for i, choice in ipairs(choices) do lines[i] = i .. " - " .. choice .. "\n" end
    return { query = row.narrative .. "\n\n" .. row.question .. "\n\n" .. join(lines) .. "\nAnswer:",
      choices = choices, gold = right(row.answer_choice, choices) }
  end,
  reorder = function(row, order)
    local choices = choices_of(row)
    local answer = right(row.answer_choice, choices)
    return { choices = permuted(choices, order), answer_choice = answer and tostring(moved(order, answer)) or nil }
  end,
  extra_shot = false, main = "acc_norm", report = { "acc_norm" },
  licence = "CC BY 4.0", languages = { "eng-Latn" }, domains = { "reading" }, baseline = baselines[variant],
  reference = "https://arxiv.org/abs/2310.16049", published = "2023-10-24",
}
