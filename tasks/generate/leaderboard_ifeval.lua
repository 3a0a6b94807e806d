-- IFEval as the second Open LLM Leaderboard has it: the mean of what share of the prompts and what share of the instructions
-- is followed strictly. What is not as in the harness stands in ifeval.lua.
local told = include "lib/instructions.lua"

return generate {
  name = "leaderboard_ifeval", version = 3,
  data = hub "wis-k/instruction-following-eval" { revision = "5a5661c2a35488308556cf4453dc074d1eba91a0", test = "train" },
  doc = function(row) return { query = row.prompt, instructions = told(row) } end,
  shots = 0, shots_fixed = true, stop = {}, max_tokens = 1280,
  main = "strict_acc", report = { "strict_acc", "prompt_level_strict_acc", "inst_level_strict_acc",
    "prompt_level_loose_acc", "inst_level_loose_acc" },
  licence = "Apache-2.0", languages = { "eng-Latn" }, domains = { "instructions" },
  reference = "https://arxiv.org/abs/2311.07911", published = "2023-11-14",
}
