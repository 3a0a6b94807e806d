-- variants: mc1 mc2
-- Questions to which people often give the same false answer (Lin et al. 2021), after six questions with true answers.
-- mc1: one choice is true and stands first. mc2: the share of probability that all true choices get.
-- The harness never lets the number of shots be changed here.
local before = include "lib/truthfulqa.lua"

local function true_ones(labels)
  local out = {}
  for i, label in ipairs(labels) do
    if label == 1 then out[#out + 1] = i - 1 end
  end
  return #out > 0 and out
end

local mc1 = variant == "mc1"
return choice {
  name = "truthfulqa_" .. variant, version = mc1 and 2 or 3,
  data = hub "truthfulqa/truthful_qa" {
    revision = "741b8276f2d1982aa3d5b832d3ee81ed3b896490", config = "multiple_choice", test = "validation" },
  doc = function(row)
    local targets = mc1 and row.mc1_targets or row.mc2_targets
    return { query = before .. "Q: " .. row.question .. "\nA:", choices = targets.choices,
      gold = mc1 and 0 or true_ones(targets.labels) }
  end,
  shots = 0, shots_fixed = true, main = mc1 and "acc" or "mc2", report = { mc1 and "acc" or "mc2" },
  licence = "Apache-2.0", languages = { "eng-Latn" }, domains = { "knowledge" }, baseline = 0,
  reference = "https://arxiv.org/abs/2109.07958", published = "2021-09-08",
}
