-- Prompts that say how the answer must look, in ways that can be checked (Zhou et al. 2023): 25 checkers, strictly and
-- loosely. Sentences, words in capitals and languages are told by data that script/languages fetches; without it the task is
-- refused. Three things are not as in the harness: draws of the language detector begin with seed 0 for each text, where the
-- harness's are never the same; a "letter" to be counted that is none ("#", "!") is counted, where the harness draws one; and
-- what has no argument is an error, where it draws that too.
local told = include "lib/instructions.lua"

return generate {
  name = "ifeval", version = 4,
  data = hub "google/IFEval" { revision = "966cd89545d6b6acfd7638bc708b98261ca58e84", test = "train" },
  doc = function(row) return { query = row.prompt, instructions = told(row) } end,
  shots = 0, shots_fixed = true, stop = {}, max_tokens = 1280,
  main = "prompt_level_strict_acc", report = { "prompt_level_strict_acc", "inst_level_strict_acc", "prompt_level_loose_acc",
    "inst_level_loose_acc" },
  licence = "Apache-2.0", languages = { "eng-Latn" }, domains = { "instructions" },
  reference = "https://arxiv.org/abs/2311.07911", published = "2023-11-14",
}
