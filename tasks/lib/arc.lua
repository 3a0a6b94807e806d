-- What the two sets of ARC have in common; prompts as in lm-evaluation-harness.
local wordings = include "lib/wordings.lua"

local function doc(row)
  return { query = "Question: " .. row.question .. "\nAnswer:",
    choices = row.choices.text, gold = letters.index(row.choices.label, row.answerKey) }
end

return function(set)
  return {
    name = set.name, version = 1,
    data = hub "allenai/ai2_arc" {
      revision = "210d026faf9955653af8916fad021475a3f00453", config = set.config, test = "test", shots = "train" },
    doc = doc, wordings = wordings(doc, function(row) return row.question end),
    main = "acc_norm", report = { "acc", "acc_norm" },
    licence = "CC BY-SA 4.0", languages = { "eng-Latn" }, domains = { "science" }, baseline = 0.25,
    reference = "https://arxiv.org/abs/1803.05457", published = "2018-03-14",
  }
end
